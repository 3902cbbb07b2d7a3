//! Every flag of `andon` without a subcommand: Alertmanager's, and Andon's own.

use super::kingpin::Kind::{Duration, List, Number, OneOf, Ratio, Size, Switch, Text};
use super::kingpin::Role::{AliasOf, NoMeaning, Obeyed, Refused};
use super::kingpin::{FlagSpec, Kind, Role};

const fn flag(name: &'static str, kind: Kind, default: &'static str, role: Role, help: &'static str) -> FlagSpec {
    FlagSpec { name, kind, default, role, help }
}

const NO_GOSSIP: &str = "Of Alertmanager's gossip, which Andon does not speak: accepted without effect.";
const NO_TLS: &str = "TLS and passwords for its own pages are not implemented: it would serve in the clear what this file \
                      protects; put a proxy before it";
const NO_SOCKET: &str = "taking over sockets from systemd is not implemented: it would listen elsewhere than expected; use \
                         --web.listen-address";

/// The table, in the order of `--help`.
pub const FLAGS: &[FlagSpec] = &[
    flag("help", Switch, "", Obeyed, "Show this help."),
    flag("version", Switch, "", Obeyed, "Show the version."),
    flag(
        "config.file",
        Text,
        "routes.yaml or alertmanager.yml",
        Obeyed,
        "The configuration: routes.yaml where one \
        stands in the working directory, else alertmanager.yml.",
    ),
    flag("storage.path", Text, "data/", Obeyed, "Folder of the store; made where it is missing."),
    flag(
        "storage.strict",
        Switch,
        "",
        Obeyed,
        "Refuse to start from a damaged store, instead of from its last good \
        state.",
    ),
    flag("data.retention", Duration, "120h", Obeyed, "How long what is over is kept: silences, and what was told."),
    flag("data.maintenance-interval", Duration, "15m", NoMeaning, "Interval between snapshots; Andon keeps a journal."),
    flag("history.retention", Duration, "30d", Obeyed, "How long the journal of what was decided is kept."),
    flag("history.max-size", Size, "256MiB", Obeyed, "How large the journal may grow."),
    flag(
        "silences.max-silences",
        Number,
        "0",
        Obeyed,
        "How many silences there may be, expired ones among them; 0 or \
        less: no limit.",
    ),
    flag("silences.max-silence-size-bytes", Number, "0", Obeyed, "How large a silence may be; 0 or less: no limit."),
    flag(
        "silences.max-per-silence-bytes",
        Number,
        "",
        AliasOf("silences.max-silence-size-bytes"),
        "As \
        --silences.max-silence-size-bytes.",
    ),
    flag("log.silences", Switch, "", Obeyed, "Log every change of a silence."),
    flag("alerts.gc-interval", Duration, "30m", Obeyed, "Interval between removals of resolved alerts."),
    flag(
        "alerts.per-alertname-limit",
        Number,
        "0",
        Obeyed,
        "How many alerts of one name there may be; 0 or less: no \
        limit.",
    ),
    flag(
        "alerts.resend-grace",
        Duration,
        "5m",
        Obeyed,
        "After a downtime, how long senders have to send again before \
        an alert is taken for resolved because its time ran out.",
    ),
    flag(
        "dispatch.maintenance-interval",
        Duration,
        "30s",
        NoMeaning,
        "Interval between clean-ups of empty groups; \
        Andon drops them at once.",
    ),
    flag("dispatch.start-delay", Duration, "0s", Obeyed, "How long after the start nobody is told anything."),
    flag(
        "notify.resolved-while-muted",
        OneOf("choice", &["send", "withhold"]),
        "send",
        Obeyed,
        "Whether a resolved notification \
        passes a silence, inhibition or mute that came after the firing was told; withhold is Alertmanager's way.",
    ),
    flag("web.listen-address", List, ":9093", Obeyed, "Where to listen; may be repeated. Port 0 takes a free port."),
    flag("web.systemd-socket", Switch, "", Refused(NO_SOCKET), "Refused: not implemented."),
    flag("web.config.file", Text, "", Refused(NO_TLS), "Refused: not implemented."),
    flag(
        "web.external-url",
        Text,
        "",
        Obeyed,
        "The address under which people reach Andon; its path is the route \
        prefix. By default http://HOSTNAME:PORT.",
    ),
    flag("web.route-prefix", Text, "", Obeyed, "Prefix of all paths; by default the path of --web.external-url."),
    flag(
        "web.get-concurrency",
        Number,
        "0",
        Obeyed,
        "How many GET requests are answered at a time; 0 or less: the \
        number of processors, at least 8.",
    ),
    flag("web.timeout", Duration, "0", Obeyed, "After how long a request is answered with 503; 0 or less: never."),
    flag("web.ui-path", Text, "", NoMeaning, "Debian's folder of Alertmanager's pages; Andon carries its own."),
    flag("web.cors-writes", Switch, "", Obeyed, "Let pages of other origins write, not only read."),
    flag("auto-gomemlimit.ratio", Ratio, "0.9", NoMeaning, "Of Go's garbage collector: accepted without effect."),
    flag(
        "cluster.listen-address",
        Text,
        "",
        Obeyed,
        "Where it is given and not empty, /api/v2/status names Andon \
        itself as the only peer, at this address. Nothing is bound.",
    ),
    flag("cluster.advertise-address", Text, "", Obeyed, "The address to show in place of --cluster.listen-address."),
    flag("cluster.peer-name", Text, "", Obeyed, "The name to show of Andon as a peer."),
    flag(
        "cluster.peer",
        List,
        "",
        Obeyed,
        "Only this host itself: several routers that do not know of each other would \
        page several times, so another host is refused.",
    ),
    flag("cluster.peer-timeout", Duration, "15s", NoMeaning, NO_GOSSIP),
    flag("cluster.peers-resolve-timeout", Duration, "15s", NoMeaning, NO_GOSSIP),
    flag("cluster.gossip-interval", Duration, "200ms", NoMeaning, NO_GOSSIP),
    flag("cluster.pushpull-interval", Duration, "1m0s", NoMeaning, NO_GOSSIP),
    flag("cluster.tcp-timeout", Duration, "10s", NoMeaning, NO_GOSSIP),
    flag("cluster.probe-timeout", Duration, "500ms", NoMeaning, NO_GOSSIP),
    flag("cluster.probe-interval", Duration, "1s", NoMeaning, NO_GOSSIP),
    flag("cluster.settle-timeout", Duration, "1m0s", NoMeaning, NO_GOSSIP),
    flag("cluster.reconnect-interval", Duration, "10s", NoMeaning, NO_GOSSIP),
    flag("cluster.reconnect-timeout", Duration, "6h0m0s", NoMeaning, NO_GOSSIP),
    flag("cluster.tls-config", Text, "", NoMeaning, NO_GOSSIP),
    flag("cluster.allow-insecure-public-advertise-address-discovery", Switch, "", NoMeaning, NO_GOSSIP),
    flag("cluster.label", Text, "", NoMeaning, NO_GOSSIP),
    flag(
        "enable-feature",
        Text,
        "",
        Obeyed,
        "Comma-separated: alert-names-in-metrics, receiver-name-in-metrics, \
        group-key-in-metrics, classic-mode, utf8-strict-mode, auto-gomemlimit, event-recorder.",
    ),
    flag("limits.request-body", Size, "32MiB", Obeyed, "The largest body of a request."),
    flag("limits.labels-per-alert", Number, "128", Obeyed, "The most labels of an alert."),
    flag("limits.label-name", Size, "1KiB", Obeyed, "The longest name of a label or annotation."),
    flag("limits.label-value", Size, "16KiB", Obeyed, "The longest value of a label."),
    flag("limits.annotation-value", Size, "256KiB", Obeyed, "The longest value of an annotation."),
    flag("limits.alerts", Number, "2000000", Obeyed, "The most alerts at a time; what comes beyond gets a 503."),
    flag("limits.alert-bytes", Size, "1GiB", Obeyed, "The most bytes of text of all alerts together; likewise."),
    flag("limits.outbox", Number, "1000000", Obeyed, "The most notifications that wait to be delivered."),
    flag("limits.connections", Number, "4096", Obeyed, "The most connections at a time."),
    flag(
        "log.level",
        OneOf("log level", &["debug", "info", "warn", "error"]),
        "info",
        Obeyed,
        "Log this and what is worse: debug, \
        info, warn or error.",
    ),
    flag("log.format", OneOf("log format", &["logfmt", "json"]), "logfmt", Obeyed, "logfmt or json."),
];
