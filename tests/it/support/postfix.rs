//! A real mail server: Postfix in a folder of its own, with Dovecot to check who logs in. Delivers into maildirs.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{program, skip, until};

const START: Duration = Duration::from_secs(30);
/// What whoever logs in has to know, whatever the name.
pub const PASSWORD: &str = "sesame";

/// Takes mail for `supervisor@plant.example` and `shift@plant.example`, from whoever logs in after encryption.
pub struct Postfix {
    folder: TempDir,
    postfix: PathBuf,
    dovecot: Child,
    /// Where STARTTLS is offered.
    pub port: u16,
    /// Where TLS comes first.
    pub tls_port: u16,
}

impl Postfix {
    /// Starts it; nothing, with the reason on standard error, where that cannot be done.
    pub fn start() -> Option<Self> {
        let postfix = program("postfix", "ANDON_POSTFIX", "postfix")?;
        let dovecot = program("dovecot", "ANDON_DOVECOT", "dovecot-core")?;
        let folder = TempDir::new().expect("a folder for the test");
        // Its owner is whoever runs the test.
        if std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.path()).expect("it is there")) != 0 {
            skip("Postfix starts only for root");
            return None;
        }
        let (port, tls_port) = (free_port(), free_port());
        prepare(folder.path(), port, tls_port);
        let mut command = Command::new(dovecot);
        command.arg("-F").arg("-c").arg(folder.path().join("dovecot.conf"));
        let dovecot = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self { postfix, dovecot: dovecot.expect("Dovecot starts"), folder, port, tls_port };
        let socket = server.folder.path().join("queue/auth");
        until(START, "Dovecot listens", || socket.exists().then_some(()));
        server.control("start");
        until(START, "Postfix listens", || {
            [port, tls_port].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()).then_some(())
        });
        Some(server)
    }

    /// The authority that its certificate is from.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The mails that arrived for somebody, as files, in the order of arrival.
    pub fn mails(&self, user: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail").join(user).join("new")) else {
            return Vec::new();
        };
        let mut mails: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        mails.sort();
        mails
    }

    /// What Postfix says.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("postfix.log")).unwrap_or_default()
    }

    fn control(&self, what: &str) {
        let mut command = Command::new(&self.postfix);
        command.arg("-c").arg(self.folder.path().join("etc")).arg(what).stdin(Stdio::null());
        let output = command.output().expect("postfix can be run");
        assert!(output.status.success(), "postfix {what}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _ = Command::new(&self.postfix).arg("-c").arg(self.folder.path().join("etc")).arg("stop").output();
        // Asked to end, so that it ends its children.
        let _ = Command::new("kill").arg(self.dovecot.id().to_string()).status();
        let _ = self.dovecot.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

fn prepare(folder: &Path, port: u16, tls_port: u16) {
    // Postfix and Dovecot work under users of their own.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    for name in ["etc", "queue", "state", "mail", "dovecot"] {
        fs::create_dir(folder.join(name)).expect("it is made");
    }
    for (name, owner) in [("state", "postfix"), ("mail", "mail:mail")] {
        let status = Command::new("chown").arg(owner).arg(folder.join(name)).status();
        assert!(status.expect("there is chown").success(), "{name} is given to {owner}");
    }
    certificates(folder);
    let root = folder.display();
    let write = |name: &str, text: String| fs::write(folder.join(name), text).expect("it is written");
    write("dovecot.conf", dovecot_conf(&root.to_string()));
    write("etc/main.cf", main_cf(&root.to_string()));
    let mut services = format!(
        "127.0.0.1:{port} inet n - n - - smtpd\n\
         127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n\
         postlog unix-dgram n - n - 1 postlogd\npickup unix n - n 60 1 pickup\nqmgr unix n - n 300 1 qmgr\n"
    );
    for (service, program) in [
        ("cleanup", "cleanup"),
        ("tlsmgr", "tlsmgr"),
        ("rewrite", "trivial-rewrite"),
        ("bounce", "bounce"),
        ("defer", "bounce"),
        ("trace", "bounce"),
        ("proxymap", "proxymap"),
        ("error", "error"),
        ("retry", "error"),
        ("anvil", "anvil"),
        ("virtual", "virtual"),
    ] {
        let private = if service == "cleanup" { "n" } else { "-" };
        let privileged = if service == "virtual" { "n" } else { "-" };
        let limit = if ["tlsmgr", "anvil"].contains(&service) { "1" } else { "0" };
        services.push_str(&format!("{service} unix {private} {privileged} n - {limit} {program}\n"));
    }
    write("etc/master.cf", services);
}

fn dovecot_conf(root: &str) -> String {
    format!(
        "base_dir = {root}/dovecot\nlog_path = {root}/dovecot.log\nprotocols =\nssl = no\n\
         disable_plaintext_auth = no\nauth_mechanisms = plain login cram-md5\n\
         passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
         userdb {{\n  driver = static\n  args = uid=mail gid=mail home=/nowhere\n}}\n\
         service auth {{\n  unix_listener {root}/queue/auth {{\n    mode = 0666\n  }}\n}}\n"
    )
}

fn main_cf(root: &str) -> String {
    let mailboxes = "supervisor@plant.example=supervisor/, shift@plant.example=shift/";
    format!(
        "compatibility_level = 3.6\nqueue_directory = {root}/queue\ndata_directory = {root}/state\n\
         inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mail.plant.example\nmydestination =\n\
         maillog_file = {root}/postfix.log\nmaillog_file_prefixes = {root}\nalias_maps =\n\
         smtpd_tls_cert_file = {root}/cert.pem\nsmtpd_tls_key_file = {root}/key.pem\n\
         smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\n\
         smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = auth\n\
         smtpd_client_restrictions = permit_sasl_authenticated, reject\n\
         smtpd_relay_restrictions = permit_sasl_authenticated, reject\n\
         default_transport = error:nothing leaves this machine\n\
         virtual_mailbox_domains = plant.example\nvirtual_mailbox_base = {root}/mail\n\
         virtual_mailbox_maps = inline:{{ {mailboxes} }}\nvirtual_transport = virtual\n\
         virtual_minimum_uid = 1\nvirtual_uid_maps = static:8\nvirtual_gid_maps = static:8\n"
    )
}

/// An authority, and a certificate of it for localhost.
fn certificates(folder: &Path) {
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).expect("it is signed");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let leaf = leaf.signed_by(&key, &issuer).expect("it is signed");
    for (name, text) in [("ca.pem", ca.pem()), ("cert.pem", leaf.pem()), ("key.pem", key.serialize_pem())] {
        fs::write(folder.join(name), text).expect("it is written");
    }
}
