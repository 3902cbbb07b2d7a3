//! Reads the text of a configuration file into a tree of [`Node`]s.
//!
//! Decided here: only the first document counts; merge keys are done in the order they stand; aliases are copied within
//! a budget. Refused here: what is not YAML, more than [`MAX_BYTES`], more than [`MAX_DEPTH`] levels, and documents that
//! blow up by aliases. Duplicate keys stay in the tree: whoever reads a mapping refuses them, by the name of its type.

use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, StrInput, Tag};

use super::node::{Node, Position, Span, Style, Value};

/// The largest configuration file.
pub const MAX_BYTES: usize = 4 << 20;
/// The deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 64;
/// How many values aliases may repeat in one document, and how many bytes of text.
const MAX_ALIASED: Size = Size { nodes: 400_000, bytes: 16 << 20 };

/// Why a text is not a document that can be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where the reader gave up.
    pub at: Position,
    /// Why.
    pub reason: String,
}

/// Reads the first document of a text; nothing if the text has none.
///
/// # Errors
/// [`Unreadable`], naming the place.
pub fn read(text: &str) -> Result<Option<Node>, Unreadable> {
    if text.len() > MAX_BYTES {
        let reason = format!("the file has {} bytes, {MAX_BYTES} (4 MiB) are allowed", text.len());
        return Err(Unreadable { at: Position { line: 1, column: 1 }, reason });
    }
    let mut options = Options::default();
    // The parser looks ahead, so it is given more than is allowed: our own message is the one to be seen.
    options.flow_nesting_limit = 2 * MAX_DEPTH;
    options.block_nesting_limit = 2 * MAX_DEPTH;
    options.emit_comments = false;
    let parser = Parser::new_from_str_with_options(text, options);
    Reader { parser, events: 0, anchors: HashMap::new(), aliased: Size::default() }.document()
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    events: u32,
    anchors: HashMap<usize, Anchored>,
    aliased: Size,
}

/// A finished node that has an anchor.
struct Anchored {
    node: Node,
    size: Size,
    height: usize,
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Option<Node>, Unreadable> {
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(None),
                Event::StreamStart | Event::DocumentStart(..) => {}
                event => return self.node(event, at, 0).map(Some),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Position), Unreadable> {
        self.events = self.events.saturating_add(1);
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, position(&span.start))),
            Some(Err(error)) => Err(Unreadable { at: position(error.marker()), reason: error.info() }),
            None => Ok((Event::StreamEnd, Position::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Node, Unreadable> {
        let first = self.events;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref()), anchor),
            Event::SequenceStart(_, anchor, _) => (self.sequence(at, depth + 1)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(at, depth + 1)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, at, depth),
            _ => return Err(refuse(at, "did not find expected node content")),
        };
        let node = Node { at, value, span: Span { first, last: self.events } };
        if anchor != 0 {
            // The copy that is kept costs what a repetition costs.
            let (size, height) = (size(&node), height(&node));
            self.charge(at, size)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size, height });
        }
        Ok(node)
    }

    fn sequence(&mut self, at: Position, depth: usize) -> Result<Value, Unreadable> {
        check_depth(at, depth)?;
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::SequenceEnd => return Ok(Value::Sequence(items)),
                event => items.push(self.node(event, at, depth)?),
            }
        }
    }

    fn mapping(&mut self, at: Position, depth: usize) -> Result<Value, Unreadable> {
        check_depth(at, depth)?;
        let mut entries = Entries::default();
        loop {
            let (event, at) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Mapping(entries.list)),
                event => self.node(event, at, depth)?,
            };
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth)?;
            match is_merge(&key) {
                true => entries.merge(value)?,
                false => entries.put(key, value, Origin::Written),
            }
        }
    }

    fn alias(&mut self, anchor: usize, at: Position, depth: usize) -> Result<Node, Unreadable> {
        let Some(Anchored { node, size, height }) = self.anchors.get(&anchor) else {
            return Err(refuse(at, "an anchor's value contains itself"));
        };
        check_depth(at, depth + height)?;
        let mut node = node.clone();
        let size = *size;
        self.charge(at, size)?;
        restamp(&mut node, Span { first: self.events, last: self.events });
        Ok(node)
    }

    fn charge(&mut self, at: Position, size: Size) -> Result<(), Unreadable> {
        self.aliased.nodes = self.aliased.nodes.saturating_add(size.nodes);
        self.aliased.bytes = self.aliased.bytes.saturating_add(size.bytes);
        match self.aliased.nodes > MAX_ALIASED.nodes || self.aliased.bytes > MAX_ALIASED.bytes {
            true => Err(refuse(at, "document contains excessive aliasing")),
            false => Ok(()),
        }
    }
}

fn position(marker: &Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position { line: number(marker.line()).max(1), column: number(marker.col()).saturating_add(1) }
}

fn refuse(at: Position, reason: &str) -> Unreadable {
    Unreadable { at, reason: reason.into() }
}

fn check_depth(at: Position, depth: usize) -> Result<(), Unreadable> {
    match depth > MAX_DEPTH {
        true => Err(Unreadable { at, reason: format!("nested deeper than {MAX_DEPTH} levels") }),
        false => Ok(()),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let says_string = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
    match style {
        ScalarStyle::Plain if !says_string => match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            _ => Value::Scalar { text: Arc::from(text), style: Style::Plain },
        },
        _ => Value::Scalar { text: Arc::from(text), style: Style::Quoted },
    }
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.value, Value::Scalar { text, style: Style::Plain } if &**text == "<<")
}

/// The entries of a mapping while it is read.
#[derive(Default)]
struct Entries {
    list: Vec<(Node, Node)>,
    /// By key: its last place in the list, and how it came there.
    places: HashMap<Arc<str>, (usize, Origin)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Written,
    Merged,
}

impl Entries {
    /// Adds an entry. What a merge brought gives way to what is written later, and the other way round, as in yaml.v2;
    /// a key that is written twice stays twice.
    fn put(&mut self, key: Node, value: Node, origin: Origin) {
        if let Value::Scalar { text, .. } = &key.value {
            let written = (self.list.len(), origin);
            let place = self.places.insert(text.clone(), written);
            if let Some((i, before)) = place
                && (before, origin) != (Origin::Written, Origin::Written)
                && let Some(entry) = self.list.get_mut(i)
            {
                self.places.insert(text.clone(), (i, origin));
                *entry = (key, value);
                return;
            }
        }
        self.list.push((key, value));
    }

    /// Takes over the entries of a mapping, or of each mapping in a list, of which the first counts most.
    fn merge(&mut self, from: Node) -> Result<(), Unreadable> {
        match from.value {
            Value::Mapping(entries) => {
                entries.into_iter().for_each(|(key, value)| self.put(key, value, Origin::Merged));
                Ok(())
            }
            Value::Sequence(items) if items.iter().all(|item| matches!(item.value, Value::Mapping(_))) => {
                items.into_iter().rev().try_for_each(|item| self.merge(item))
            }
            _ => Err(refuse(from.at, "map merge requires map or sequence of maps as the value")),
        }
    }
}

fn children(node: &Node) -> impl Iterator<Item = &Node> {
    let (items, entries): (&[Node], &[(Node, Node)]) = match &node.value {
        Value::Sequence(items) => (items, &[]),
        Value::Mapping(entries) => (&[], entries),
        _ => (&[], &[]),
    };
    items.iter().chain(entries.iter().flat_map(|(key, value)| [key, value]))
}

fn size(node: &Node) -> Size {
    let own = Size { nodes: 1, bytes: node.text().map_or(0, str::len) };
    children(node)
        .map(size)
        .fold(own, |sum, size| Size { nodes: sum.nodes + size.nodes, bytes: sum.bytes + size.bytes })
}

fn height(node: &Node) -> usize {
    match node.value {
        Value::Sequence(_) | Value::Mapping(_) => 1 + children(node).map(height).max().unwrap_or(0),
        _ => 0,
    }
}

fn restamp(node: &mut Node, span: Span) {
    node.span = span;
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| restamp(item, span)),
        Value::Mapping(entries) => entries.iter_mut().for_each(|(key, value)| {
            restamp(key, span);
            restamp(value, span);
        }),
        _ => {}
    }
}
