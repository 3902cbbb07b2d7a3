//! Writes YAML as Go's yaml.v2 does, for what `/api/v2/status` shows as `config.original`.

mod scalar;

/// A value to print. Keys keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Printed {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as it is to be written.
    Number(String),
    /// A text, quoted where it needs to be.
    Text(String),
    /// A list.
    List(Vec<Printed>),
    /// A mapping.
    Map(Vec<(String, Printed)>),
    /// A list or a mapping on one line.
    Flow(Box<Printed>),
}

impl Printed {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// `<secret>`
    pub fn secret() -> Self {
        Self::text("<secret>")
    }

    /// A whole number.
    pub fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    /// A list of texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }
}

/// A mapping in the making.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Vec<(String, Printed)>);

impl Map {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry.
    pub fn put(&mut self, key: &str, value: Printed) {
        self.0.push((key.to_owned(), value));
    }

    /// Adds a text.
    pub fn text(&mut self, key: &str, text: impl Into<String>) {
        self.put(key, Printed::text(text));
    }

    /// Adds a text unless it is empty.
    pub fn text_unless_empty(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    /// Adds a boolean.
    pub fn bool(&mut self, key: &str, value: bool) {
        self.put(key, Printed::Bool(value));
    }

    /// Adds a list unless it is empty.
    pub fn list_unless_empty(&mut self, key: &str, list: Vec<Printed>) {
        if !list.is_empty() {
            self.put(key, Printed::List(list));
        }
    }

    /// The finished mapping.
    pub fn done(self) -> Printed {
        Printed::Map(self.0)
    }
}

/// The whole text, with a line break at its end.
pub fn print(value: &Printed) -> String {
    let mut text = String::new();
    node(value, 0, &mut text);
    text
}

/// A value in a block at this indent, where the cursor stands at its first character.
fn node(value: &Printed, indent: usize, out: &mut String) {
    match value {
        Printed::Map(entries) if !entries.is_empty() => map(entries, indent, out),
        Printed::List(items) if !items.is_empty() => list(items, indent, out),
        leaf => {
            leaf_at(leaf, indent, out);
            out.push('\n');
        }
    }
}

fn map(entries: &[(String, Printed)], indent: usize, out: &mut String) {
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            pad(indent, out);
        }
        scalar::key(key, out);
        out.push(':');
        match value {
            Printed::Map(inner) if !inner.is_empty() => {
                out.push('\n');
                pad(indent + 2, out);
                map(inner, indent + 2, out);
            }
            Printed::List(items) if !items.is_empty() => {
                // A list in a mapping is not indented.
                out.push('\n');
                pad(indent, out);
                list(items, indent, out);
            }
            leaf => {
                out.push(' ');
                leaf_at(leaf, indent + 2, out);
                out.push('\n');
            }
        }
    }
}

fn list(items: &[Printed], indent: usize, out: &mut String) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        node(item, indent + 2, out);
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A value without children; `indent` is that of its further lines.
fn leaf_at(value: &Printed, indent: usize, out: &mut String) {
    match value {
        Printed::Null => out.push_str("null"),
        Printed::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Printed::Number(number) => out.push_str(number),
        Printed::List(_) => out.push_str("[]"),
        Printed::Map(_) => out.push_str("{}"),
        Printed::Text(text) => scalar::text(text, indent, out),
        Printed::Flow(value) => flow(value, indent, out),
    }
}

/// A value within brackets or braces.
fn flow(value: &Printed, indent: usize, out: &mut String) {
    let (open, close) = match value {
        Printed::List(_) => ('[', ']'),
        Printed::Map(_) => ('{', '}'),
        Printed::Flow(value) => return flow(value, indent, out),
        Printed::Text(text) => return scalar::flow(text, out),
        leaf => return leaf_at(leaf, indent, out),
    };
    out.push(open);
    let separate = |i: usize, out: &mut String| {
        if i > 0 {
            out.push(',');
        }
        match scalar::column(out) > scalar::WIDTH {
            true => scalar::break_line(indent, out),
            false if i > 0 => out.push(' '),
            false => {}
        }
    };
    if let Printed::List(items) = value {
        for (i, item) in items.iter().enumerate() {
            separate(i, out);
            flow(item, indent + 2, out);
        }
    }
    if let Printed::Map(entries) = value {
        for (i, (key, item)) in entries.iter().enumerate() {
            separate(i, out);
            scalar::flow(key, out);
            out.push_str(": ");
            flow(item, indent + 2, out);
        }
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stand_below_their_key_and_leaves_beside_it() {
        let mut inner = Map::new();
        inner.text("name", "a");
        inner.put("tags", Printed::texts(["x", "y: z"]));
        inner.put("none", Printed::List(Vec::new()));
        let mut outer = Map::new();
        outer.put("items", Printed::List(vec![inner.clone().done(), Printed::Null]));
        outer.put("nested", Printed::List(vec![Printed::List(vec![Printed::number(1), Printed::Bool(true)])]));
        outer.put("map", inner.done());
        outer.put("flow", Printed::Flow(Box::new(Printed::texts(["monday:friday", "1:3", "x", "a, b"]))));
        let expected = "\
items:
- name: a
  tags:
  - x
  - 'y: z'
  none: []
- null
nested:
- - 1
  - true
map:
  name: a
  tags:
  - x
  - 'y: z'
  none: []
flow: ['monday:friday', \"1:3\", x, 'a, b']
";
        assert_eq!(print(&outer.done()), expected);
    }
}
