//! Logging in: CRAM-MD5, PLAIN and LOGIN, in the server's order, each with what it needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

/// Whom to log in as.
#[derive(Clone, Default)]
pub(super) struct Login {
    /// `auth_username`
    pub(super) user: String,
    /// `auth_identity`, for PLAIN.
    pub(super) identity: String,
    /// `auth_password`, for PLAIN and LOGIN.
    pub(super) password: Option<String>,
    /// `auth_secret`, for CRAM-MD5.
    pub(super) secret: Option<String>,
}

/// How to log in, with what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism<'a> {
    /// The secret proves itself and is not sent.
    CramMd5 { secret: &'a str },
    /// Everything at once, as it is.
    Plain { password: &'a str },
    /// User and password as they are asked for.
    Login { password: &'a str },
}

impl Login {
    /// The first of the server's mechanisms that can be used.
    ///
    /// # Errors
    /// What is missing for those that are known.
    pub(super) fn choose(&self, offered: &str) -> Result<Mechanism<'_>, String> {
        let mut missing = Vec::new();
        for name in offered.split_whitespace() {
            let (known, text) = match name.to_ascii_uppercase().as_str() {
                "CRAM-MD5" => {
                    (self.secret.as_deref().map(|secret| Mechanism::CramMd5 { secret }), "secret for CRAM-MD5")
                }
                "PLAIN" => {
                    (self.password.as_deref().map(|password| Mechanism::Plain { password }), "password for PLAIN")
                }
                "LOGIN" => {
                    (self.password.as_deref().map(|password| Mechanism::Login { password }), "password for LOGIN")
                }
                _ => continue,
            };
            match known {
                Some(mechanism) => return Ok(mechanism),
                None => missing.push(format!("missing {text} auth mechanism")),
            }
        }
        if missing.is_empty() {
            return Err(format!("unknown auth mechanism: {offered}; Andon knows CRAM-MD5, PLAIN and LOGIN"));
        }
        Err(missing.join("; "))
    }

    /// What is sent at once with PLAIN, encoded.
    pub(super) fn plain(&self, password: &str) -> String {
        STANDARD.encode(format!("{}\0{}\0{password}", self.identity, self.user))
    }

    /// The forms in which the password goes over the wire.
    pub(super) fn sent(&self, password: &str) -> [String; 2] {
        [self.plain(password), STANDARD.encode(password)]
    }

    /// The answer to a challenge of CRAM-MD5, encoded; nothing if the challenge is not base64.
    pub(super) fn cram_md5(&self, secret: &str, challenge: &str) -> Option<String> {
        let challenge = STANDARD.decode(challenge.trim()).ok()?;
        let digest = hmac_md5(secret.as_bytes(), &challenge);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(STANDARD.encode(format!("{} {hex}", self.user)))
    }

    /// The answer to a prompt of LOGIN, encoded; nothing if it is not understood.
    pub(super) fn answer_prompt(&self, password: &str, prompt: &str) -> Option<String> {
        let prompt = STANDARD.decode(prompt.trim()).ok()?;
        let prompt = String::from_utf8_lossy(&prompt).to_lowercase();
        match prompt.trim_end_matches(['\0', ' ', ':']) {
            "username" | "user name" => Some(STANDARD.encode(&self.user)),
            "password" => Some(STANDARD.encode(password)),
            _ => None,
        }
    }
}

/// RFC 2104 with MD5, whose blocks are of 64 bytes.
fn hmac_md5(key: &[u8], message: &[u8]) -> [u8; 16] {
    let mut block = [0_u8; 64];
    let hashed: [u8; 16] = Md5::digest(key).into();
    let key = if key.len() > block.len() { &hashed[..] } else { key };
    for (byte, of_key) in block.iter_mut().zip(key) {
        *byte = *of_key;
    }
    let inner = Md5::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Md5::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(password: Option<&str>, secret: Option<&str>) -> Login {
        let owned = |text: Option<&str>| text.map(String::from);
        Login { user: "tim".into(), identity: String::new(), password: owned(password), secret: owned(secret) }
    }

    #[test]
    fn the_first_usable_mechanism_of_the_server_is_taken() {
        let (password, secret) = (Some("p"), Some("s"));
        let rows = [
            ("CRAM-MD5 PLAIN LOGIN", password, secret, Ok(Mechanism::CramMd5 { secret: "s" })),
            ("CRAM-MD5 PLAIN LOGIN", password, None, Ok(Mechanism::Plain { password: "p" })),
            ("LOGIN PLAIN", password, secret, Ok(Mechanism::Login { password: "p" })),
            ("GSSAPI plain", password, None, Ok(Mechanism::Plain { password: "p" })),
            (
                "CRAM-MD5 PLAIN",
                None,
                None,
                Err("missing secret for CRAM-MD5 auth mechanism; missing password for PLAIN auth mechanism"),
            ),
            ("LOGIN", None, secret, Err("missing password for LOGIN auth mechanism")),
            ("GSSAPI", password, secret, Err("unknown auth mechanism: GSSAPI; Andon knows CRAM-MD5, PLAIN and LOGIN")),
        ];
        for (offered, password, secret, expected) in rows {
            let login = login(password, secret);
            assert_eq!(login.choose(offered), expected.map_err(String::from), "{offered}");
        }
    }

    #[test]
    fn answers_are_those_of_the_rfcs() {
        // RFC 2195, section 2.
        let login = login(None, None);
        let challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
        let answer = "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw";
        assert_eq!(login.cram_md5("tanstaaftanstaaf", challenge).as_deref(), Some(answer));
        assert_eq!(login.cram_md5("s", "no base64!"), None);
        // RFC 2202, cases 2 and 6.
        let hex = |digest: [u8; 16]| digest.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex(hmac_md5(b"Jefe", b"what do ya want for nothing?")), "750c783e6ab0b503eaa86e310a5db738");
        let long = hmac_md5(&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(long), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
        assert_eq!(STANDARD.decode(login.plain("p")).unwrap(), b"\0tim\0p");
        for (prompt, answer) in
            [("Username:", Some("tim")), ("PASSWORD:", Some("p")), ("User Name\0", Some("tim")), ("What?", None)]
        {
            assert_eq!(
                login.answer_prompt("p", &STANDARD.encode(prompt)),
                answer.map(|text| STANDARD.encode(text)),
                "{prompt}"
            );
        }
    }
}
