//! Title and description of new work orders, from the rule's templates or the shipped ones.

use crate::core::asset::Asset;
use crate::core::label::LabelSet;
use crate::core::notification::Data;
use crate::core::order_text::{Occasion, OrderText, OrderTexts};
use crate::template::{Context, Engine, Pairs, TemplateError, Templates};

/// The longest description in characters.
const LONGEST: usize = 10_000;

impl OrderTexts for Templates {
    fn fill_in(&self, occasion: Occasion<'_>) -> OrderText {
        let alerts = [occasion.told.clone()];
        let nothing = LabelSet::empty();
        let data = Data::of(occasion.receiver, &alerts, (&nothing, &nothing), &"".into());
        let mut context = Context::new(data, occasion.now);
        context.asset = asset(occasion.asset);
        let mut texts = OrderText::default();
        let mut fill_in = |key: &str, template: Option<&String>, shipped: &str| {
            let rendered = match template {
                Some(template) => self.render_text(template, &context),
                None if self.engine() == Engine::Handlebars => self.render_own(shipped, false, &context),
                None => return None,
            };
            let kept = |text: String| text.trim().chars().take(LONGEST).collect::<String>();
            let failed = |error: TemplateError| texts.failed.push(format!("{key}: {error}"));
            rendered.map(kept).map_err(failed).ok().filter(|text| !text.is_empty())
        };
        let title = fill_in("title", occasion.rule.title.as_ref(), "work_order/title");
        let description = fill_in("description", occasion.rule.description.as_ref(), "work_order/description");
        // A title is one line.
        let title = title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
        OrderText { title, description, ..texts }
    }
}

/// The asset as templates see it; nothing where no more than its code is known.
fn asset(asset: &Asset) -> Option<Pairs> {
    let pairs = [
        ("asset_code", asset.code.clone()),
        ("name", asset.name.clone()),
        ("kind", asset.kind.clone()),
        ("location", asset.location()),
        ("criticality", asset.criticality.clone()),
        ("supervisor", String::new()),
        ("supervisor_email", String::new()),
    ];
    let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
    (!asset.name.is_empty()).then(|| pairs.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::core::outbox::ToldAlert;
    use crate::core::policy::WorkOrderRule;
    use crate::core::testing;
    use crate::time::Timestamp;

    fn filled(engine: Engine, title: Option<&str>, description: Option<&str>) -> OrderText {
        let mut rule: WorkOrderRule = testing::policy().receivers[0].work_orders[0].clone();
        (rule.title, rule.description) = (title.map(str::to_owned), description.map(str::to_owned));
        let set = |pairs: &[(&str, &str)]| LabelSet::new(pairs.iter().copied()).unwrap();
        let alert = crate::core::alert::Alert {
            labels: set(&[("alertname", "Hot"), ("asset_code", "PUMP-1")]),
            annotations: set(&[("summary", "95 °C\nat the bearing")]),
            generator_url: "".into(),
            starts_at: Timestamp::new(1_795_358_908, 0),
            ends_at: Timestamp::MAX,
            updated_at: Timestamp::new(1_795_358_908, 0),
            timeout: false,
        };
        let told = ToldAlert { alert: Arc::new(alert), resolved: false };
        let asset = Asset { code: "PUMP-1".into(), name: "Pump".into(), ..Asset::default() };
        let templates = Templates::load(engine, Path::new("."), &[]).unwrap();
        let now = Timestamp::new(1_795_358_968, 0);
        templates.fill_in(Occasion { receiver: "orders", rule: &rule, told: &told, asset: &asset, now })
    }

    #[test]
    fn an_order_has_the_texts_of_its_rule_or_the_shipped_ones() {
        //          engine              configured                                 title
        let rows = [
            (Engine::Handlebars, None, Some("Pump: 95 °C at the bearing")),
            (Engine::Handlebars, Some("{{asset.name}} {{commonLabels.alertname}}"), Some("Pump Hot")),
            (Engine::Go, None, None),
            (Engine::Go, Some("{{ .CommonLabels.alertname }} of {{ .Asset.name }}"), Some("Hot of Pump")),
        ];
        for (engine, configured, title) in rows {
            let texts = filled(engine, configured, None);
            assert_eq!((texts.title.as_deref(), texts.failed.len()), (title, 0), "{engine:?} {configured:?}");
        }
        let shipped = filled(Engine::Handlebars, None, None).description.unwrap();
        assert!(
            shipped.contains("Asset: Pump (PUMP-1)") && shipped.contains("Since 22 Nov 2026 14:48 UTC"),
            "{shipped}"
        );
    }

    #[test]
    fn a_template_that_fails_costs_its_own_text_alone() {
        let texts = filled(Engine::Handlebars, Some("{{nope.nope}}"), Some("{{commonLabels.alertname}}"));
        assert_eq!((texts.title, texts.description.as_deref()), (None, Some("Hot")));
        assert!(texts.failed.len() == 1 && texts.failed[0].starts_with("title: "), "{:?}", texts.failed);
    }
}
