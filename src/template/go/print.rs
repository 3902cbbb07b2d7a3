//! Parts of a template as Go writes them in its errors.

use gotmpl::parse::{CommandNode, Expr, Number, PipeNode, SmolStr};

/// A command as it stands in the template.
pub(super) fn shown_command(command: &CommandNode) -> String {
    let args: Vec<String> = command.args.iter().map(expression).collect();
    args.join(" ")
}

/// An expression as it stands in the template.
pub(super) fn expression(expression: &Expr) -> String {
    let fields = |names: &[SmolStr]| names.iter().map(|name| format!(".{name}")).collect::<String>();
    match expression {
        Expr::Dot(_) => ".".to_owned(),
        Expr::Nil(_) => "nil".to_owned(),
        Expr::Field(_, names) => fields(names),
        Expr::Variable(_, name, names) => format!("{name}{}", fields(names)),
        Expr::Identifier(_, name) => name.to_string(),
        Expr::String(_, text) => format!("{:?}", &**text),
        Expr::Number(_, Number::Int(number)) => number.to_string(),
        Expr::Number(_, Number::Uint(number)) => number.to_string(),
        Expr::Number(_, Number::Float(number)) => number.to_string(),
        Expr::Bool(_, truth) => truth.to_string(),
        Expr::Pipe(_, inner) => format!("({})", pipeline(inner)),
        Expr::Chain(_, inner, names) => format!("{}{}", self::expression(inner), fields(names)),
    }
}

fn pipeline(pipe: &PipeNode) -> String {
    let commands: Vec<String> = pipe.commands.iter().map(shown_command).collect();
    commands.join(" | ")
}
