//! The configurations under which is measured. Both programs get the same file.

use std::fmt::Write as _;

/// How long a group of the storm waits for its first notification.
pub const GROUP_WAIT: std::time::Duration = std::time::Duration::from_secs(15);

/// Taking alerts in: three routes, one inhibit rule, one receiver without any integration, and groups that wait longer
/// than a run.
pub fn ingest() -> String {
    "route:\n  receiver: plant\n  group_by: [alertname]\n  group_wait: 1h\n  group_interval: 1h\n  \
     routes:\n  - matchers: ['severity=\"critical\"']\n    receiver: plant\n  \
     - matchers: ['team=~\"team-[0-3]\"']\n    receiver: plant\n\
     receivers:\n- name: plant\n\
     inhibit_rules:\n- source_matchers: ['severity=\"critical\"']\n  \
     target_matchers: ['severity=\"warning\"']\n  equal: [asset_code]\n"
        .to_owned()
}

/// So many routes, each with a regular expression of its own that few alerts or none meet.
pub fn regex_routes(count: usize) -> String {
    let mut config = String::from(
        "receivers:\n- name: plant\nroute:\n  receiver: plant\n  group_by: [alertname]\n  group_wait: 1h\n  \
         group_interval: 1h\n  routes:\n",
    );
    for number in 0..count {
        // Writing into a string does not fail.
        let _ = writeln!(config, "  - matchers: ['asset_code=~\"(P|V)-.*{number:04}[a-c]?\"']\n    receiver: plant");
    }
    config
}

/// So many inhibit rules, each for a line of its own.
pub fn inhibit_rules(count: usize) -> String {
    let mut config = ingest();
    for number in 0..count {
        let _ = write!(
            config,
            "- source_matchers: ['severity=\"critical\"', 'line=\"line-{number}\"']\n  \
             target_matchers: ['severity=\"warning\"', 'line=\"line-{number}\"']\n  equal: [asset_code]\n"
        );
    }
    config
}

/// Every alert is a group of its own, which is flushed for the first time after so many seconds; nobody is told.
pub fn groups(group_wait: usize) -> String {
    format!(
        "route:\n  receiver: plant\n  group_by: [asset_code]\n  group_wait: {group_wait}s\n  group_interval: 1h\n\
         receivers:\n- name: plant\n"
    )
}

/// Every alert is a group of its own, and goes to a webhook; pages go to it at once.
pub fn storm(address: &str) -> String {
    format!(
        "route:\n  receiver: plant\n  group_by: [asset_code]\n  group_wait: {}s\n  group_interval: 5m\n  \
         routes:\n  - matchers: ['team=\"page\"']\n    receiver: page\n    group_wait: 0s\n\
         receivers:\n- name: plant\n  webhook_configs:\n  - url: http://{address}/storm\n\
         - name: page\n  webhook_configs:\n  - url: http://{address}/page\n",
        GROUP_WAIT.as_secs()
    )
}

/// What is critical holds back what is not, of the same asset and instance.
pub fn inhibition() -> String {
    "route:\n  receiver: plant\n  group_by: [alertname]\n  group_wait: 1h\n  group_interval: 1h\n\
     receivers:\n- name: plant\n\
     inhibit_rules:\n- source_matchers: ['severity=\"critical\"']\n  \
     target_matchers: ['severity=\"warning\"']\n  equal: [asset_code, instance]\n"
        .to_owned()
}
