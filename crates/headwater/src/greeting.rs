//! What a hub says when it is ready: where it is, where its log is, who may do what, and two lines to try.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path;

use headwater_server::config::{Resolved, Settings, Storage};

/// The greeting of a hub that listens on `address`, in bold where it helps if `styled`.
pub(crate) fn greeting(resolved: &Resolved, address: SocketAddr, mode: &str, styled: bool) -> String {
    let (bold, plain) = if styled { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let Resolved { settings, .. } = resolved;
    let (scheme, insecure) = if settings.tls.is_some() { ("https", " -k") } else { ("http", "") };
    let base = format!("{scheme}://{address}");
    let version = env!("CARGO_PKG_VERSION");
    let facts = [("data", data(settings)), ("mode", mode.to_owned()), ("config", resolved.origins())];

    // Writing to a String cannot fail.
    let mut text = String::new();
    let _ = writeln!(text, "{bold}Headwater {version} listens on {base}{plain}\n");
    for (name, value) in facts {
        let _ = writeln!(text, "  {name:<8}{value}");
    }
    let _ = writeln!(text, "  {:<8}{base}/", "page");
    let (with, token) = match settings.access {
        None => ("", ""),
        Some(_) => {
            (", with a token in $TOKEN (`headwater token new` makes one)", " -H \"Authorization: Bearer $TOKEN\"")
        }
    };
    let _ = writeln!(text, "\nTry it in two terminals{with}:\n");
    let _ = writeln!(text, "  {bold}curl{insecure}{token} -N '{base}/v1/events?topic=hello'{plain}");
    let _ = writeln!(text, "  {bold}curl{insecure}{token} -d 'Hello, world' '{base}/v1/topics/hello'{plain}\n");
    text
}

fn data(settings: &Settings) -> String {
    match &settings.storage {
        Storage::Disk(folder) => path::absolute(folder).unwrap_or_else(|_| folder.clone()).display().to_string(),
        Storage::Memory => "in memory, gone when the hub stops".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_server::config::{Sources, resolve};

    #[test]
    fn a_hub_says_where_it_is_and_what_to_try() {
        let mut resolved = resolve(&Sources { folder: "no such folder".into(), ..Sources::default() }).unwrap();
        resolved.settings.storage = Storage::Disk("/var/lib/headwater".into());
        let said = greeting(&resolved, ([127, 0, 0, 1], 7070).into(), "development", false);
        insta::assert_snapshot!("greeting", said);
        assert!(!said.contains('\x1b'));
        assert!(!said.contains("TOKEN"));
        let access = "[access]\nanonymous = { subscribe = [\"public/**\"] }";
        resolved.settings.access = headwater_server::config::load_str(access).unwrap().access;
        assert!(
            greeting(&resolved, ([127, 0, 0, 1], 1).into(), "access", false)
                .contains("curl -H \"Authorization: Bearer $TOKEN\" -N")
        );
        resolved.settings.storage = Storage::Memory;
        assert!(greeting(&resolved, ([127, 0, 0, 1], 1).into(), "development", true).contains("\x1b[1m"));
    }
}
