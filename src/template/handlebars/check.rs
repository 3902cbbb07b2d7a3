//! Looks at templates before they run: what could take the process down, or is sure to fail, is refused here.

use std::collections::{BTreeMap, BTreeSet};

use handlebars::Template;
use handlebars::template::{HelperTemplate, Parameter, TemplateElement, TemplateMapping};

use super::{Mode, TemplateError, helpers, prefix};

/// How deeply blocks may be nested.
const MAX_BLOCKS: usize = 64;
/// How deeply parentheses may be nested.
const MAX_PARENTHESES: usize = 16;
/// How deeply partials may include each other.
const MAX_PARTIALS: usize = 16;

/// What templates need.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// The templates that they include.
    pub(super) partials: BTreeSet<String>,
    /// The labels, annotations and other free names that they use.
    pub(super) names: BTreeSet<String>,
}

impl Needs {
    pub(super) fn add(&mut self, other: Self) {
        self.partials.extend(other.partials);
        self.names.extend(other.names);
    }

    pub(super) fn includes(&self, name: &str) -> bool {
        self.partials.contains(name)
    }

    pub(super) fn check_partials(&self, file: &str, known: impl Fn(&str) -> bool) -> Result<(), TemplateError> {
        missing(file, &self.partials, known)
    }
}

/// Refuses a partial that does not exist.
pub(super) fn missing(
    file: &str,
    partials: &BTreeSet<String>,
    known: impl Fn(&str) -> bool,
) -> Result<(), TemplateError> {
    match partials.iter().find(|name| !known(name)) {
        Some(name) => Err(TemplateError::new(format!("{} there is no template `{name}`", prefix(file)).trim_start())),
        None => Ok(()),
    }
}

/// Refuses partials that include each other, since they would never end. Names to files and what they include.
pub(super) fn cycles(partials: &BTreeMap<String, (String, BTreeSet<String>)>) -> Result<(), TemplateError> {
    let mut done = BTreeSet::new();
    partials.keys().try_for_each(|name| follow(name, partials, &mut Vec::new(), &mut done))
}

fn follow<'a>(
    name: &'a str,
    partials: &'a BTreeMap<String, (String, BTreeSet<String>)>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Result<(), TemplateError> {
    let Some((file, included)) = partials.get(name) else { return Ok(()) };
    if path.contains(&name) {
        let circle = [path.as_slice(), &[name]].concat().join(" -> ");
        return Err(TemplateError::new(format!("{file}: templates include each other in a circle: {circle}")));
    }
    if path.len() >= MAX_PARTIALS {
        return Err(TemplateError::new(format!("{file}: templates include each other more than {MAX_PARTIALS} deep")));
    }
    if path.is_empty() && done.contains(name) {
        return Ok(());
    }
    path.push(name);
    for next in included {
        follow(next, partials, path, done)?;
    }
    path.pop();
    done.insert(name);
    Ok(())
}

/// Looks at the text of a template before it is parsed: blocks that are not closed, and nesting that no parser likes.
pub(super) fn source(file: &str, text: &str) -> Result<(), TemplateError> {
    let refuse = |place: usize, reason: String| {
        let before = text.get(..place).unwrap_or("");
        let (line, column) = (1 + before.matches('\n').count(), place - before.rfind('\n').map_or(0, |at| at + 1) + 1);
        Err(TemplateError::new(format!("{}{line}:{column}: {reason}", prefix(file))))
    };
    let mut open: Vec<(usize, &str)> = Vec::new();
    // How many blocks each open block stands for: `{{else if}}` is one more within it.
    let mut blocks: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("{{")) {
        let start = at + found;
        let tag = text.get(start..).unwrap_or("");
        if text.get(..start).is_some_and(|before| before.ends_with('\\')) {
            at = start + 2;
            continue;
        }
        if tag.starts_with("{{{{") {
            return refuse(start, "raw blocks ({{{{ }}}}) are not supported".to_owned());
        }
        let comment = tag.starts_with("{{!--") || tag.starts_with("{{~!--");
        let Some(length) =
            (if comment { tag.find("--}}").or_else(|| tag.find("--~}}")).map(|end| end + 4) } else { end_of_tag(tag) })
        else {
            return refuse(start, "this tag is not closed with }}".to_owned());
        };
        let body = tag.get(2..length).unwrap_or("").trim_start_matches(['{', '~']).trim_start();
        if nesting(body) > MAX_PARENTHESES {
            return refuse(start, format!("parentheses are nested more than {MAX_PARENTHESES} deep"));
        }
        let name = |rest: &'static [char]| {
            body.trim_start_matches(rest).split([' ', '}', '~', '\n', '\t']).next().unwrap_or("")
        };
        match body.chars().next() {
            Some('#') => open.push((start, name(&['#', '>', '*', '^', ' ']))),
            Some('^') if !name(&['^', ' ']).is_empty() => open.push((start, name(&['^', ' ']))),
            Some('e') if continues(body) => *blocks.last_mut().unwrap_or(&mut 0) += 1,
            Some('/') => match open.pop() {
                Some(_) => {}
                None => return refuse(start, format!("{{{{/{}}}}} closes nothing", name(&['/', ' ']))),
            },
            _ => {}
        }
        blocks.resize(open.len(), 1);
        if blocks.iter().sum::<usize>() > MAX_BLOCKS {
            return refuse(start, format!("blocks are nested more than {MAX_BLOCKS} deep"));
        }
        at = start + length;
    }
    match open.last() {
        Some((place, name)) => refuse(*place, format!("{{{{#{name}}}}} is not closed with {{{{/{name}}}}}")),
        None => Ok(()),
    }
}

/// Whether a tag continues a block with another: `else if x`.
fn continues(body: &str) -> bool {
    let rest = body.strip_prefix("else").and_then(|rest| rest.strip_prefix([' ', '\n', '\t']));
    rest.is_some_and(|rest| !rest.trim_start().starts_with(['}', '~']))
}

/// The length of a tag, quotes respected.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote: Option<char> = None;
    let mut rest = tag.char_indices().skip(2);
    while let Some((place, c)) = rest.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                rest.next();
            }
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if !tag.starts_with("{{!") => quote = Some(c),
            (None, '}') if tag.get(place..)?.starts_with("}}") => {
                return Some(place + if tag.get(place..)?.starts_with("}}}") { 3 } else { 2 });
            }
            (None, _) => {}
        }
    }
    None
}

fn nesting(tag: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in tag.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Looks at a parsed template, and has each of its bodies count how often it runs.
pub(super) fn template(file: &str, template: &mut Template, mode: Mode) -> Result<Needs, TemplateError> {
    let mut walk = Walk { file, mode, needs: Needs::default(), in_partial_block: false };
    walk.body(template)?;
    Ok(walk.needs)
}

struct Walk<'a> {
    file: &'a str,
    mode: Mode,
    needs: Needs,
    in_partial_block: bool,
}

impl Walk<'_> {
    fn body(&mut self, template: &mut Template) -> Result<(), TemplateError> {
        let places: Vec<(usize, usize)> = template.mapping.iter().map(|place| (place.0, place.1)).collect();
        for (element, place) in template.elements.iter_mut().zip(places) {
            self.element(element, place)?;
        }
        if let Some((tick, place)) = tick() {
            template.elements.insert(0, tick);
            template.mapping.insert(0, place);
        }
        Ok(())
    }

    fn refuse(&self, (line, column): (usize, usize), reason: &str) -> TemplateError {
        TemplateError::new(format!("{}{line}:{column}: {reason}", prefix(self.file)))
    }

    fn element(&mut self, element: &mut TemplateElement, place: (usize, usize)) -> Result<(), TemplateError> {
        match element {
            TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
            TemplateElement::HtmlExpression(_) if self.mode == Mode::Html => {
                let reason = "{{{ }}} would let a label write HTML; {{ }} prints it safely";
                return Err(self.refuse(place, reason));
            }
            TemplateElement::Expression(helper) | TemplateElement::HtmlExpression(helper) => {
                self.helper(helper, place)?
            }
            TemplateElement::HelperBlock(helper) => {
                self.helper(helper, place)?;
                for body in [&mut helper.template, &mut helper.inverse].into_iter().flatten() {
                    self.body(body)?;
                }
            }
            TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                return Err(self.refuse(place, "decorators and inline partials are not supported; make it a file"));
            }
            TemplateElement::PartialExpression(partial) | TemplateElement::PartialBlock(partial) => {
                let name = match &partial.name {
                    Parameter::Literal(serde_json::Value::String(name)) => name.as_str(),
                    named => named.as_name().ok_or_else(|| {
                        self.refuse(place, "the name of a template must stand here as it is, it cannot be computed")
                    })?,
                };
                let name = name.trim_matches(['"', '\'', '[', ']']).to_owned();
                if name == "@partial-block" && self.in_partial_block {
                    return Err(self.refuse(place, "a block given to a template cannot be handed on"));
                }
                if name != "@partial-block" {
                    self.needs.partials.insert(name);
                }
                partial.params.iter().chain(partial.hash.values()).for_each(|param| self.parameter(param));
                if let Some(body) = &mut partial.template {
                    let before = std::mem::replace(&mut self.in_partial_block, true);
                    self.body(body)?;
                    self.in_partial_block = before;
                }
            }
            _ => return Err(self.refuse(place, "this is not supported")),
        }
        Ok(())
    }

    fn helper(&mut self, helper: &HelperTemplate, place: (usize, usize)) -> Result<(), TemplateError> {
        let simple = helper.params.is_empty() && helper.hash.is_empty() && !helper.block;
        let name = helper.name.as_name().unwrap_or("");
        if !simple && !helpers::known(name) {
            return Err(self.refuse(place, &format!("there is no helper `{name}`")));
        }
        self.parameter(&helper.name);
        helper.params.iter().chain(helper.hash.values()).for_each(|param| self.parameter(param));
        Ok(())
    }

    /// Notes the labels that are used.
    fn parameter(&mut self, parameter: &Parameter) {
        if let Some(path) = parameter.as_name() {
            self.path(path);
        }
        if let Parameter::Subexpression(inner) = parameter {
            inner.params().into_iter().flatten().for_each(|param| self.parameter(param));
            inner.hash().into_iter().flat_map(|hash| hash.values()).for_each(|param| self.parameter(param));
        }
    }

    fn path(&mut self, path: &str) {
        const FREE: [&str; 8] = [
            "labels",
            "annotations",
            "groupLabels",
            "commonLabels",
            "commonAnnotations",
            "routeLabels",
            "asset",
            "workOrder",
        ];
        for map in FREE {
            let found = path
                .rsplit_once(&format!("{map}."))
                .filter(|(before, _)| before.is_empty() || before.ends_with(['.', '/']));
            if let Some((_, name)) = found {
                let name = name.trim_start_matches('[').trim_end_matches(']');
                self.needs.names.insert(name.to_owned());
            }
        }
    }
}

/// An element that counts; the engine lets none be made by hand.
fn tick() -> Option<(TemplateElement, TemplateMapping)> {
    let mut template = Template::compile(helpers::TICK).ok()?;
    Some((template.elements.pop()?, template.mapping.pop()?))
}
