//! Makes a parsed template of Alertmanager's one that the engine can run.
//!
//! gotmpl has Go's syntax but neither methods, nor types that print in their own way, nor errors that say where. So
//! every field chain becomes a call of `__get`, every call of a function of ours takes the place where it stands as its
//! first argument, and what is printed, tested or ranged over goes through a function that knows Alertmanager's types.
//! On the way, functions and variables that do not exist are found, as Go finds them when it parses.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotmpl::parse::{
    ActionNode, BranchNode, CommandNode, DefineNode, Expr, ListNode, Node, Number, PipeNode, Pos, SmolStr, TemplateNode,
};

use super::access::GET;
use super::call::TICK;
use super::functions::{ENGINE, FUNCTIONS, ITEMS, SHOW, TRUTH};
use super::print::{expression, shown_command};

/// Where a template comes from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The file's name, or empty for a text of the configuration.
    pub(super) file: &'a str,
    /// What was parsed.
    pub(super) text: &'a str,
}

/// A template that can be run.
#[derive(Clone, Debug)]
pub(super) struct Rewritten {
    /// Its tree.
    pub(super) tree: ListNode,
    /// The templates that it calls.
    pub(super) calls: BTreeSet<String>,
}

/// Rewrites the body of a template; `name` is that of the template, as errors say it.
///
/// # Errors
/// A text in Go's words where a function or a variable is not defined.
pub(super) fn rewrite(source: Source<'_>, name: &str, tree: ListNode) -> Result<Rewritten, String> {
    let mut writer = Writer { source, name, scopes: vec![vec!["$".into()]], calls: BTreeSet::new() };
    let mut tree = writer.body(tree)?;
    let at = tree.pos;
    if !tree.is_empty_tree() {
        let tick = pipe(at, vec![CommandNode { pos: at, args: vec![Expr::Identifier(at, TICK.into())] }]);
        // A declaration prints nothing.
        let tick = PipeNode { decl: vec!["$__tick".into()], ..tick };
        tree.nodes.insert(0, Node::Action(ActionNode { pos: at, pipe: tick }));
    }
    Ok(Rewritten { tree, calls: writer.calls })
}

/// Rewrites a definition.
///
/// # Errors
/// As [`rewrite`].
pub(super) fn rewrite_definition(source: Source<'_>, definition: DefineNode) -> Result<Rewritten, String> {
    rewrite(source, &definition.name, definition.body)
}

struct Writer<'a> {
    source: Source<'a>,
    name: &'a str,
    scopes: Vec<Vec<SmolStr>>,
    calls: BTreeSet<String>,
}

fn pipe(pos: Pos, commands: Vec<CommandNode>) -> PipeNode {
    PipeNode { pos, decl: Vec::new(), commands, is_assign: false }
}

impl Writer<'_> {
    fn body(&mut self, list: ListNode) -> Result<ListNode, String> {
        let nodes = list.nodes.into_iter().map(|node| self.node(node)).collect::<Result<_, _>>()?;
        Ok(ListNode { pos: list.pos, nodes })
    }

    fn node(&mut self, node: Node) -> Result<Node, String> {
        Ok(match node {
            Node::List(list) => Node::List(self.body(list)?),
            Node::Action(action) => {
                let prints = action.pipe.decl.is_empty();
                let mut pipe = self.pipeline(action.pipe)?;
                if prints {
                    self.show(&mut pipe);
                }
                Node::Action(ActionNode { pos: action.pos, pipe })
            }
            Node::If(branch) => Node::If(self.branch(branch, TRUTH)?),
            Node::With(branch) => Node::With(self.branch(branch, TRUTH)?),
            Node::Range(branch) => Node::Range(self.branch(branch, ITEMS)?),
            Node::Template(call) => {
                self.calls.insert(call.name.to_string());
                let pipe = call.pipe.map(|pipe| self.pipeline(pipe)).transpose()?;
                // Without a pipeline the dot of the called template is nil; the engine would hand on its own.
                let nil = || PipeNode {
                    commands: vec![self.call(TRUTH, call.pos, "nil", vec![Expr::Nil(call.pos)])],
                    ..pipe_at(call.pos)
                };
                let pipe = pipe.unwrap_or_else(nil);
                Node::Template(TemplateNode { pos: call.pos, name: call.name, pipe: Some(pipe) })
            }
            other @ (Node::Text(_) | Node::Define(_) | Node::Break(_) | Node::Continue(_)) => other,
        })
    }

    fn branch(&mut self, branch: BranchNode, through: &str) -> Result<BranchNode, String> {
        self.scopes.push(Vec::new());
        let at = branch.pipe.pos;
        let shown = branch.pipe.commands.last().map(shown_command).unwrap_or_default();
        let mut pipe = self.pipeline(branch.pipe)?;
        pipe.commands.push(self.call(through, at, &shown, Vec::new()));
        self.scopes.push(Vec::new());
        let body = self.body(branch.body)?;
        self.scopes.pop();
        let else_body = branch.else_body.map(|body| self.body(body)).transpose()?;
        self.scopes.pop();
        Ok(BranchNode { pos: branch.pos, pipe, body, else_body })
    }

    /// Has the value of a pipeline printed as Go prints it.
    fn show(&self, pipe: &mut PipeNode) {
        let Some(last) = pipe.commands.last() else { return };
        if let Some(Expr::Identifier(_, name)) = last.args.first()
            && ENGINE.contains(&name.as_str())
            && !matches!(name.as_str(), "and" | "or" | "call")
        {
            // It gives a text or a truth value; and the HTML engine wants its own escapers to stand last.
            return;
        }
        let shown = shown_command(last);
        let show = self.call(SHOW, last.pos, &shown, Vec::new());
        pipe.commands.push(show);
    }

    fn pipeline(&mut self, source: PipeNode) -> Result<PipeNode, String> {
        let mut commands: Vec<CommandNode> = Vec::with_capacity(source.commands.len());
        for (place, command) in source.commands.into_iter().enumerate() {
            let through = match command.args.first() {
                Some(Expr::Identifier(_, name)) if place > 0 => conversion(name),
                _ => None,
            };
            if let Some(through) = through {
                let shown = shown_command(&command);
                commands.push(self.call(through, command.pos, &shown, Vec::new()));
            }
            commands.push(self.command(command, place > 0)?);
        }
        for name in &source.decl {
            if source.is_assign {
                self.variable(name, source.pos)?;
            } else if let Some(scope) = self.scopes.last_mut() {
                scope.push(name.clone());
            }
        }
        Ok(PipeNode { commands, ..source })
    }

    fn command(&mut self, command: CommandNode, piped: bool) -> Result<CommandNode, String> {
        let shown = shown_command(&command);
        let pos = command.pos;
        let mut args = command.args.into_iter();
        let Some(first) = args.next() else { return Ok(CommandNode { pos, args: Vec::new() }) };
        let rest: Vec<Expr> = args.collect();
        match first {
            Expr::Identifier(at, name) => {
                self.function(&name, at)?;
                let through = conversion(&name);
                let mut rest = self.arguments(rest, through)?;
                if through == Some(SHOW) && rest.len() > 1 {
                    // Several are escaped as `print` would show them together.
                    let shown = self.call("print", pos, &shown, std::mem::take(&mut rest));
                    rest.push(Expr::Pipe(pos, pipe(pos, vec![shown])));
                }
                if ENGINE.contains(&name.as_str()) {
                    let args = [Expr::Identifier(at, name)].into_iter().chain(rest).collect();
                    return Ok(CommandNode { pos, args });
                }
                Ok(self.call(&name, pos, &shown, rest))
            }
            Expr::Field(..) | Expr::Chain(..) => {
                let rest = self.arguments(rest, None)?;
                self.chain(first, rest)
            }
            Expr::Variable(_, _, ref fields) if !fields.is_empty() => {
                let rest = self.arguments(rest, None)?;
                self.chain(first, rest)
            }
            other => {
                if piped || !rest.is_empty() {
                    let site = self.site(pos, &expression(&other));
                    return Err(format!("{site}: can't give argument to non-function {}", expression(&other)));
                }
                let args = vec![self.expression(other)?];
                Ok(CommandNode { pos, args })
            }
        }
    }

    fn arguments(&mut self, args: Vec<Expr>, through: Option<&str>) -> Result<Vec<Expr>, String> {
        args.into_iter()
            .map(|arg| {
                let (pos, shown) = (arg.pos(), expression(&arg));
                let arg = self.expression(arg)?;
                Ok(match (through, &arg) {
                    (Some(through), Expr::Pipe(..) | Expr::Dot(_) | Expr::Variable(..)) => {
                        Expr::Pipe(pos, pipe(pos, vec![self.call(through, pos, &shown, vec![arg])]))
                    }
                    _ => arg,
                })
            })
            .collect()
    }

    fn expression(&mut self, source: Expr) -> Result<Expr, String> {
        Ok(match source {
            Expr::Field(..) | Expr::Chain(..) => {
                let pos = source.pos();
                Expr::Pipe(pos, pipe(pos, vec![self.chain(source, Vec::new())?]))
            }
            Expr::Variable(pos, ref name, ref fields) => {
                self.variable(name, pos)?;
                if fields.is_empty() {
                    return Ok(source);
                }
                Expr::Pipe(pos, pipe(pos, vec![self.chain(source, Vec::new())?]))
            }
            Expr::Identifier(pos, name) => {
                let command = CommandNode { pos, args: vec![Expr::Identifier(pos, name)] };
                Expr::Pipe(pos, pipe(pos, vec![self.command(command, false)?]))
            }
            Expr::Pipe(pos, inner) => Expr::Pipe(pos, self.pipeline(inner)?),
            constant => constant,
        })
    }

    /// A chain of names with the arguments of the last as a call of `__get`.
    fn chain(&mut self, source: Expr, args: Vec<Expr>) -> Result<CommandNode, String> {
        let shown = expression(&source);
        let pos = source.pos();
        let (base, names, start) = match source {
            // Go reports of such a chain the place of its second part.
            Expr::Field(pos, names) => (Expr::Dot(pos), names, 0),
            Expr::Variable(pos, name, names) => {
                self.variable(&name, pos)?;
                let start = name.len();
                (Expr::Variable(pos, name, Vec::new()), names, start)
            }
            Expr::Chain(_, inner, names) => (self.expression(*inner)?, names, 0),
            other => (other, Vec::new(), 0),
        };
        let second = if start == 0 && names.len() > 1 { names.first().map_or(0, |name| name.len() + 1) } else { start };
        let at = Pos::new(pos.offset + second, pos.line);
        let count = Expr::Number(pos, Number::Int(i64::try_from(names.len()).unwrap_or(0)));
        let names = names.into_iter().map(|name| Expr::String(pos, Arc::from(name.as_str())));
        let args = [base, count].into_iter().chain(names).chain(args).collect();
        Ok(self.call(GET, at, &shown, args))
    }

    /// A call of one of our functions.
    fn call(&self, name: &str, pos: Pos, shown: &str, args: Vec<Expr>) -> CommandNode {
        let site = Expr::String(pos, Arc::from(self.site(pos, shown)));
        let head = [Expr::Identifier(pos, SmolStr::from(name)), site];
        CommandNode { pos, args: head.into_iter().chain(args).collect() }
    }

    /// `template: mail.tmpl:3:14: executing "subject" at <.Foo>`
    fn site(&self, pos: Pos, shown: &str) -> String {
        let before = self.source.text.get(..pos.offset).unwrap_or("");
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        let Self { source, name, .. } = self;
        format!("template: {}:{}:{column}: executing {name:?} at <{shown}>", source.file, pos.line)
    }

    fn function(&self, name: &str, pos: Pos) -> Result<(), String> {
        let known =
            ENGINE.contains(&name) || (!name.starts_with("__") && FUNCTIONS.iter().any(|(known, _, _)| *known == name));
        if known {
            return Ok(());
        }
        Err(format!("template: {}:{}: function {name:?} not defined", self.source.file, pos.line))
    }

    fn variable(&self, name: &SmolStr, pos: Pos) -> Result<(), String> {
        if self.scopes.iter().any(|scope| scope.contains(name)) {
            return Ok(());
        }
        Err(format!("template: {}:{}: undefined variable {:?}", self.source.file, pos.line, name.as_str()))
    }
}

fn pipe_at(pos: Pos) -> PipeNode {
    pipe(pos, Vec::new())
}

/// What the arguments of a function of the engine go through, so that it sees no type that it does not know.
fn conversion(function: &str) -> Option<&'static str> {
    match function {
        "html" | "js" | "urlquery" => Some(SHOW),
        "and" | "or" | "not" => Some(TRUTH),
        _ => None,
    }
}
