//! Links in mails that let whoever got the mail act on a work order.
//!
//! A link carries a token: what may be done to which one order, by whom, and until when, signed with HMAC-SHA-256 under a
//! key that only this service has. Promised: a token that was changed, that is for something else, or whose time is over
//! does nothing; the comparison takes the same time for every token; the key is made at the first start and can be read
//! by its owner alone. Refused: tokens for more than one order or one action.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::time::Timestamp;

/// How long a link is good.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// The key's file, in the folder of the store.
const FILE: &str = "mail-link.key";
/// The key's length in bytes.
const KEY: usize = 32;
/// The first part of what is signed: a token of another kind or version is never taken for one of these.
const KIND: &str = "andon work order 1";
/// No token is longer, in characters.
const LONGEST: usize = 2_048;

/// What a link may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Say that it was seen.
    Acknowledge,
    /// Give it to whoever got the mail.
    Assign,
    /// Begin.
    Start,
    /// Say that it is done.
    Complete,
    /// Say that it will not be done.
    Cancel,
}

impl Action {
    /// All of them, in the order of their buttons.
    pub const ALL: [Self; 5] = [Self::Acknowledge, Self::Assign, Self::Start, Self::Complete, Self::Cancel];

    /// The word in the token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Assign => "assign",
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Cancel => "cancel",
        }
    }

    /// What stands on the button.
    pub fn label(self) -> &'static str {
        match self {
            Self::Acknowledge => "Acknowledge",
            Self::Assign => "Assign to me",
            Self::Start => "Start work",
            Self::Complete => "Complete",
            Self::Cancel => "Cancel order",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The order's number.
    pub order: String,
    /// What may be done.
    pub action: Action,
    /// The address that the mail went to.
    pub recipient: String,
    /// Until when.
    pub expires: Timestamp,
}

impl Grant {
    /// What a mail that is written at `now` grants.
    pub fn new(order: &str, action: Action, recipient: String, now: Timestamp) -> Self {
        Self { order: order.to_owned(), action, recipient, expires: now.after(LIFETIME) }
    }

    /// Whether an order that was reopened at that moment was so after the mail was written: what it grants is about an
    /// earlier life of the order. To the second.
    pub fn is_older_than(&self, reopened: Timestamp) -> bool {
        reopened.secs() > self.expires.before(LIFETIME).secs()
    }
}

/// Why a token does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is none of ours, or was changed.
    #[error("this link was not made here, or was changed on the way")]
    Forged,
    /// Its time is over.
    #[error("this link has expired; a newer mail about the order has newer ones")]
    Expired,
    /// The order was closed and opened again since.
    #[error("the order was closed and opened again since this mail was sent; a newer mail has newer links")]
    EarlierLife,
}

/// A mail as somebody else may see it: in the lines that its writer meant, and with no token of a link.
pub fn without_tokens(mail: &str) -> String {
    // A line that is too long for mail is broken in quoted-printable, which may be in the middle of a token.
    let whole = mail.replace("=\r\n", "");
    let mut parts = whole.split("/mail/");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("/mail/");
        let of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let rest = part.trim_start_matches(of_token);
        shown.push_str(if rest.len() < part.len() { "<secret>" } else { "" });
        shown.push_str(rest);
    }
    shown
}

/// The key that links are signed with.
#[derive(Clone)]
pub struct LinkKey([u8; KEY]);

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    /// The key of the store in this folder, made if there is none yet. A file that holds no key is set aside, and where
    /// none can be read or written this process has one of its own: alerts are told with and without links.
    ///
    /// # Errors
    /// Only if `strict`: what kept the file from being read or written, or that it holds no key.
    pub fn load(folder: &Path, strict: bool) -> Result<Self, String> {
        let path = folder.join(FILE);
        let kept = Self::read(&path).and_then(|found| match found {
            Some(Ok(key)) => Ok(key),
            Some(Err(NoKey)) if strict => Err(io::Error::other(NoKey)),
            Some(Err(NoKey)) => {
                let aside = set_aside(folder)?;
                let aside = aside.display();
                tracing::error!(
                    %aside,
                    "The key of the links in mails was damaged and set aside: links of mails sent before no longer work"
                );
                Self::make(folder, &path)
            }
            None => Self::make(folder, &path),
        });
        match kept {
            Ok(key) => Ok(key),
            Err(error) if strict => Err(format!("{}: {error}", path.display())),
            Err(error) => {
                let path = path.display();
                tracing::error!(
                    %path, %error,
                    "The key of the links in mails cannot be kept: until the next start another one is used; \
                     links of mails sent before do not work meanwhile, nor those of mails sent meanwhile after it"
                );
                Ok(Self::random())
            }
        }
    }

    /// What the file holds, if there is one.
    fn read(path: &Path) -> io::Result<Option<Result<Self, NoKey>>> {
        let file = match fs::File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut key = Vec::new();
        file.take(KEY as u64 + 1).read_to_end(&mut key)?;
        Ok(Some(key.try_into().map(Self).map_err(|_| NoKey)))
    }

    fn make(folder: &Path, path: &Path) -> io::Result<Self> {
        let key = Self::random();
        key.write(folder, path)?;
        Ok(key)
    }

    /// A key of this process alone.
    pub fn random() -> Self {
        let mut key = [0; KEY];
        // Each of these has 122 random bits.
        let random = [(); 2].map(|()| uuid::Uuid::new_v4().into_bytes()).concat();
        key.copy_from_slice(&random);
        Self(key)
    }

    /// Under another name first: a write that fails leaves no half of a key.
    fn write(&self, folder: &Path, path: &Path) -> io::Result<()> {
        let making = path.with_extension("new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&making)?;
        file.write_all(&self.0)?;
        file.sync_all()?;
        fs::rename(&making, path)?;
        fs::File::open(folder)?.sync_all()
    }

    /// The token of a grant.
    pub fn sign(&self, grant: &Grant) -> String {
        let expires = grant.expires.secs().to_string();
        // None of these can hold a line break: a recipient is an address, a number a line of text.
        let body = [KIND, &grant.order, grant.action.as_str(), &grant.recipient, &expires].join("\n");
        let signature = self.mac(&body).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(body), URL_SAFE_NO_PAD.encode(signature))
    }

    /// What a token grants at `now`.
    ///
    /// # Errors
    /// Why it grants nothing.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Grant, BadToken> {
        let (body, signature) = token.split_once('.').filter(|_| token.len() <= LONGEST).ok_or(BadToken::Forged)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Forged);
        let (body, signature) = (decode(body)?, decode(signature)?);
        let body = String::from_utf8(body).map_err(|_| BadToken::Forged)?;
        self.mac(&body).verify_slice(&signature).map_err(|_| BadToken::Forged)?;
        let parts: Vec<&str> = body.split('\n').collect();
        let [KIND, order, action, recipient, expires] = parts[..] else { return Err(BadToken::Forged) };
        let action = Action::parse(action).ok_or(BadToken::Forged)?;
        let expires = Timestamp::new(expires.parse().map_err(|_| BadToken::Forged)?, 0);
        if expires <= now {
            return Err(BadToken::Expired);
        }
        Ok(Grant { order: order.to_owned(), action, recipient: recipient.to_owned(), expires })
    }

    fn mac(&self, body: &str) -> Hmac<Sha256> {
        // HMAC takes a key of any length.
        let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.0);
        let mut mac = mac.unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(body.as_bytes());
        mac
    }
}

/// The file is not as long as a key.
#[derive(Debug, thiserror::Error)]
#[error("this is no key of {KEY} bytes; take it away to have one made")]
struct NoKey;

/// Renames the key's file as the store renames what is damaged: to a name that is not taken, which is returned.
fn set_aside(folder: &Path) -> io::Result<PathBuf> {
    let mut names = (1_u64..).map(|number| folder.join(format!("{FILE}.damaged-{number}")));
    let free = names.find(|path| !path.exists()).ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(folder.join(FILE), &free)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            order: "WO-2026-ABCDEFGH".into(),
            action: Action::Start,
            recipient: "ana@plant.example".into(),
            expires: Timestamp::new(1_795_359_600, 0),
        }
    }

    #[test]
    fn a_mail_that_others_may_see_has_no_token() {
        let token = LinkKey::random().sign(&grant());
        let (one, other) = token.split_at(40);
        let mail =
            format!("- Start:\r\n  http://a/mail/{one}=\r\n{other}\r\n<a href=3D\"http://a/mail/{token}\">a</a>");
        let shown = "- Start:\r\n  http://a/mail/<secret>\r\n<a href=3D\"http://a/mail/<secret>\">a</a>";
        assert_eq!(without_tokens(&mail), shown);
        assert_eq!(without_tokens("no /mail/ and no /mail/"), "no /mail/ and no /mail/");
    }

    #[test]
    fn a_token_grants_what_was_signed_and_nothing_else() {
        let (key, other) = (LinkKey::random(), LinkKey::random());
        let (before, after) = (Timestamp::new(1_795_359_599, 0), Timestamp::new(1_795_359_600, 0));
        let token = key.sign(&grant());
        assert_eq!(key.verify(&token, before), Ok(grant()));
        assert_eq!(key.verify(&token, after), Err(BadToken::Expired));
        assert_eq!(other.verify(&token, before), Err(BadToken::Forged));
        let (_, signature) = token.split_once('.').unwrap();
        let another = key.sign(&Grant { order: "WO-2026-AAAAAAAA".into(), ..grant() });
        let (body, _) = another.split_once('.').unwrap();
        let cut = &token[..token.len() - 1];
        for forged in ["", ".", "a.b", &format!("{body}.{signature}"), cut, &format!("{token}A"), &"x".repeat(3000)] {
            assert_eq!(key.verify(forged, before), Err(BadToken::Forged), "{forged}");
        }
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'Q' { b'R' } else { b'Q' };
            let changed = String::from_utf8(changed).unwrap();
            assert_ne!(key.verify(&changed, before).map(|found| found == grant()), Ok(false), "{changed}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_written_leaves_no_half_of_one_and_is_good_for_one_run() {
        let folder = tempfile::tempdir().unwrap();
        let (path, making) = (folder.path().join(FILE), folder.path().join("mail-link.new"));
        fs::create_dir(&making).unwrap();
        assert!(LinkKey::load(folder.path(), true).is_err() && !path.exists());
        let [first, second] = [(); 2].map(|()| LinkKey::load(folder.path(), false).unwrap());
        assert!(first.0 != second.0 && !path.exists(), "nothing is kept");
        fs::remove_dir(&making).unwrap();
        fs::write(&making, "half").unwrap();
        let key = LinkKey::load(folder.path(), true).unwrap();
        assert_eq!((LinkKey::load(folder.path(), true).unwrap().0, making.exists()), (key.0, false));
    }

    #[test]
    fn a_file_that_holds_no_key_is_set_aside_and_one_that_cannot_be_read_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for (number, damaged) in [(1, "half"), (2, ""), (3, "longer than any key of thirty-two bytes is")] {
            fs::write(&path, damaged).unwrap();
            let refused = LinkKey::load(folder.path(), true).unwrap_err();
            assert!(refused.ends_with("mail-link.key: this is no key of 32 bytes; take it away to have one made"));
            let key = LinkKey::load(folder.path(), false).unwrap();
            assert_eq!(LinkKey::load(folder.path(), true).unwrap().0, key.0, "the new one is kept");
            let aside = folder.path().join(format!("mail-link.key.damaged-{number}"));
            assert_eq!(fs::read_to_string(aside).unwrap(), damaged);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(LinkKey::load(folder.path(), true).is_err());
        assert!(LinkKey::load(folder.path(), false).is_ok() && path.is_dir());
    }

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let key = LinkKey::load(folder.path(), true).unwrap();
        assert_eq!(LinkKey::load(folder.path(), false).unwrap().0, key.0);
        let path = folder.path().join(FILE);
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
