//! The files of the hub's own page, embedded in the binary as they lie in `dashboard/`.

/// One file: its path below `/assets/`, its media type and its content.
pub(super) type File = (&'static str, &'static str, &'static str);

/// The page itself.
pub(super) const INDEX: &str = include_str!("../../../../dashboard/index.html");

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

macro_rules! file {
    ($path:literal, $media:expr) => {
        ($path, $media, include_str!(concat!("../../../../dashboard/", $path)))
    };
}

/// What it loads.
pub(super) const FILES: [File; 35] = [
    file!("api.js", JS),
    file!("app.js", JS),
    file!("chart.js", JS),
    file!("control.js", JS),
    file!("credential.js", JS),
    file!("describe.js", JS),
    file!("dom.js", JS),
    file!("ends.js", JS),
    file!("events.js", JS),
    file!("feed.js", JS),
    file!("format.js", JS),
    file!("heat.js", JS),
    file!("icon.svg", "image/svg+xml"),
    file!("line.js", JS),
    file!("live.js", JS),
    file!("more.js", JS),
    file!("overview.js", JS),
    file!("panel.js", JS),
    file!("problem.js", JS),
    file!("publisher.js", JS),
    file!("router.js", JS),
    file!("series.js", JS),
    file!("session.js", JS),
    file!("sessions.js", JS),
    file!("signin.js", JS),
    file!("stream.js", JS),
    file!("style.css", CSS),
    file!("table.js", JS),
    file!("theme.js", JS),
    file!("topics.js", JS),
    file!("vendor/uplot/LICENSE", "text/plain; charset=utf-8"),
    file!("vendor/uplot/uPlot.esm.js", JS),
    file!("vendor/uplot/uPlot.min.css", CSS),
    file!("views.css", CSS),
    file!("watch.js", JS),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard");
        let names = |below: &str| -> Vec<String> {
            let entries = std::fs::read_dir(folder.join(below)).unwrap().map(|entry| entry.unwrap());
            let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
            files.map(|file| format!("{below}{}", file.file_name().to_str().unwrap())).collect()
        };
        let for_checks = |name: &String| name.ends_with(".json") || name.ends_with(".d.ts") || name == "index.html";
        let there: BTreeSet<String> =
            names("").into_iter().chain(names("vendor/uplot/")).filter(|name| !for_checks(name)).collect();
        let embedded: BTreeSet<String> = FILES.iter().map(|(path, ..)| (*path).to_owned()).collect();
        assert_eq!(there, embedded);
        for (path, ..) in FILES.iter().filter(|(path, ..)| !path.contains('/')) {
            let used = |text: &str| text.contains(&format!("/{path}\""));
            assert!(FILES.iter().any(|file| used(file.2)) || used(INDEX), "nothing loads {path}");
        }
    }
}
