//! The samples of README and book, executed: what a reader types has to do what the page says.
//!
//! A fenced block takes part by a second word after its language:
//!
//! | block | what happens |
//! |---|---|
//! | `sh,run` | run by bash; every line `# => text` must be met, in order, by what the output shows after the one before |
//! | `sh,run,after-kill` | the same, after the page's hub was killed with SIGKILL and started again on its data |
//! | `toml,config` | `headwater config check` accepts it |
//! | `toml,config-print` | it is what `headwater config print` prints |
//!
//! In an expectation `…` stands for anything inside a line. The block is over when the last expectation is met
//! (a stream would go on for ever) and has failed when it ends, or half a minute passes, before.
//! Every page has one fresh hub of its own, whose address takes the place of `127.0.0.1:7070`, also where a command does not
//! name it.

mod hub;
mod page;
mod shell;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use self::hub::Hub;
use self::page::{Kind, Sample};
use super::Request;
use crate::process::Failure;
use crate::tally::Part;
use crate::workspace::Workspace;

/// Runs every page that has a sample whose `file:line` contains the filter, whole: samples build on each other.
pub(crate) fn test(workspace: &Workspace, request: &Request) -> Part {
    let mut part = Part::new("book");
    match pages(workspace) {
        Ok(pages) => pages.iter().for_each(|page| test_page(workspace, page, request, &mut part)),
        Err(failure) => part.fail(failure.to_string()),
    }
    part
}

fn test_page(workspace: &Workspace, path: &Path, request: &Request, part: &mut Part) {
    let name = path.strip_prefix(&workspace.root).unwrap_or(path).display().to_string();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return part.fail(format!("{name}: {error}")),
    };
    let samples = match page::samples(&text) {
        Ok(samples) => samples,
        Err(reason) => return part.fail(format!("{name}{reason}")),
    };
    let wanted = |sample: &Sample| {
        let place = format!("{name}:{}", sample.line);
        request.filter.as_ref().is_none_or(|filter| place.contains(filter.as_str()))
    };
    if !samples.iter().any(wanted) {
        return;
    }
    let folder = workspace.target.join("book-samples").join(name.replace(['/', '.'], "-"));
    let mut runner = Runner { workspace, folder, hub: None };
    if let Err(failure) = runner.clear() {
        return part.fail(format!("{name}: {failure}"));
    }
    for sample in &samples {
        let place = format!("{name}:{}", sample.line);
        match runner.run(sample) {
            Ok(()) => {
                println!("sample {place} ... ok");
                part.passed += 1;
            }
            Err(reason) => {
                println!("sample {place} ... FAILED\n{reason}");
                part.fail(place);
            }
        }
    }
}

/// One page's folder and hub.
struct Runner<'a> {
    workspace: &'a Workspace,
    /// Scratch space of this page: the hub's data and the files its samples write.
    folder: PathBuf,
    /// Started by the first sample that talks to it.
    hub: Option<Hub>,
}

impl Runner<'_> {
    /// Leaves an empty folder, whatever an earlier run left.
    fn clear(&self) -> Result<(), Failure> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).map_err(|error| self.failure("clear", error))?;
        }
        fs::create_dir_all(self.folder.join("work")).map_err(|error| self.failure("create", error))
    }

    fn failure(&self, verb: &str, error: std::io::Error) -> Failure {
        Failure::new(format!("{verb} {}", self.folder.display()), error)
    }

    fn run(&mut self, sample: &Sample) -> Result<(), String> {
        match &sample.kind {
            Kind::Shell { after_kill, expected } => {
                let address = self.hub(*after_kill).map_err(|failure| failure.to_string())?;
                let sample = sample.text.replace(DOCUMENTED_ADDRESS, &address);
                let script = format!("export HEADWATER_URL=http://{address}\n{sample}");
                shell::run(&script, expected, &self.folder.join("work"), &self.workspace.hub())
            }
            Kind::Config => self.check_config(&sample.text),
            Kind::ConfigPrint => self.compare_config(&sample.text),
        }
    }

    /// The address of the page's hub, which is started, or killed and started again, as asked.
    fn hub(&mut self, after_kill: bool) -> Result<String, Failure> {
        let hub = match self.hub.take() {
            Some(hub) if after_kill => hub.killed_and_restarted()?,
            Some(hub) => hub,
            None => Hub::start(&self.workspace.hub(), &self.folder.join("data"), "127.0.0.1:0")?,
        };
        Ok(self.hub.insert(hub).address().to_owned())
    }

    fn check_config(&self, text: &str) -> Result<(), String> {
        let file = self.folder.join("work/sample.toml");
        fs::write(&file, text).map_err(|error| error.to_string())?;
        self.ask_hub(&["config", "check", "--config", "sample.toml"]).map(drop)
    }

    fn compare_config(&self, text: &str) -> Result<(), String> {
        let printed = self.ask_hub(&["config", "print"])?;
        if printed.trim() == text.trim() {
            return Ok(());
        }
        Err(format!("the page differs from `headwater config print`, which says\n{printed}"))
    }

    fn ask_hub(&self, arguments: &[&str]) -> Result<String, String> {
        let mut hub = Command::new(self.workspace.hub());
        hub.args(arguments).current_dir(self.folder.join("work")).stdin(Stdio::null());
        let output = hub.output().map_err(|error| error.to_string())?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        Err(format!("{}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// README and every page of the book, in alphabetical order.
fn pages(workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let mut pages = vec![workspace.root.join("README.md")];
    let mut folders = vec![workspace.root.join("docs/src")];
    while let Some(folder) = folders.pop() {
        let failed = |error| Failure::new(format!("list {}", folder.display()), error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// What the pages write for the hub's address.
const DOCUMENTED_ADDRESS: &str = "127.0.0.1:7070";
