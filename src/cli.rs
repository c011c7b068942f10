//! The commands of `checksync`.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, Effective, Flags, SETTINGS};
use crate::store::{self, Counts};
use crate::template::Finding;
use crate::watch;

mod author;
mod explain;
pub mod golden;
mod transfer;

/// Why a command failed: printed as it is, on one line.
type Failure = Box<dyn Error>;

/// Reads the command line and does what it says; `serve` runs the daemon. Exits with 0 when all went well, 1
/// when it did not, and 2 when the command line makes no sense.
pub fn run(serve: impl FnOnce(Config) -> Result<(), Failure>) -> ExitCode {
    run_with(std::env::args_os(), &mut io::stdout(), serve)
}

fn run_with(
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    serve: impl FnOnce(Config) -> Result<(), Failure>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            let _nowhere_else_to_say_it = usage.print();
            return u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match cli.command.run(out, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("checksync: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Gives every IP phone its configuration file, and brings every phone to the configuration it should have
#[derive(Debug, Parser)]
#[command(name = "checksync", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the daemon
    Serve(Settings),
    /// Prints the settings in force, what each means, and where its value came from
    Config(Settings),
    /// Lists the phones that there are templates for
    Catalog {
        /// Print a Markdown table of families
        #[arg(long)]
        table: bool,
        #[arg(long, value_name = "DIR", help = help("pack"))]
        pack: Vec<PathBuf>,
    },
    /// Makes a folder with a first pack: a catalog and templates to change
    NewPack(author::NewPack),
    /// Says what is wrong with a pack: every file of every model is made of every sample, and read back
    Lint(author::Lint),
    /// Prints the files that a phone would be given
    Render(author::Render),
    /// Says of each line of a file which templates, settings and documents made it; secrets are masked
    Explain(explain::Explain),
    /// Verifies the database of a daemon that is not running
    Check(Place),
    /// Writes everything in the database of a daemon that is not running as lines of JSON
    Export {
        #[command(flatten)]
        place: Place,
        /// The file to write; it holds passwords, so only its owner may read it. `-` is the standard output
        #[arg(long, value_name = "FILE", default_value = "-")]
        to: PathBuf,
    },
    /// Reads what `export` wrote into a folder that has no database yet
    Import {
        #[command(flatten)]
        place: Place,
        /// The file to read; `-` is the standard input
        #[arg(long, value_name = "FILE", default_value = "-")]
        from: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Place {
    #[arg(long, value_name = "DIR", help = help("data_dir"))]
    data_dir: Option<String>,
    /// A TOML file of settings (or `CHECKSYNC_CONFIG`); `checksync config` prints one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Settings {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_name = "ADDR", help = help("phones"))]
    phones: Option<String>,
    #[arg(long, value_name = "ADDR", help = help("admin"))]
    admin: Option<String>,
    #[arg(long, value_name = "ADDR", help = help("sip"))]
    sip: Option<String>,
    #[arg(long, value_name = "DIR", help = help("pack"))]
    pack: Vec<String>,
    #[arg(long, value_name = "DIR", help = help("files_dir"))]
    files_dir: Option<String>,
    #[arg(long, value_name = "ADDR", help = help("tftp"))]
    tftp: Option<String>,
    #[arg(long, value_name = "NETWORK", help = help("kazoo_from"))]
    kazoo_from: Vec<String>,
    #[arg(long, help = help("demo"))]
    demo: bool,
}

fn help(name: &str) -> String {
    let setting = SETTINGS.iter().find(|setting| setting.name == name);
    setting.map(|setting| format!("{} [{}]", setting.meaning, setting.default())).unwrap_or_default()
}

impl Place {
    fn flags(self) -> Flags {
        let values = self.data_dir.map(|dir| ("data_dir", vec![dir]));
        Flags { config: self.config, values: values.into_iter().collect() }
    }

    fn data_dir(self) -> Result<PathBuf, Failure> {
        Ok(config::read(&self.flags())?.config.data_dir)
    }
}

impl Settings {
    fn read(self) -> Result<Effective, Failure> {
        let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
        let demo = self.demo.then(|| "true".to_owned());
        let mut values = BTreeMap::from([
            ("phones", one(self.phones)),
            ("admin", one(self.admin)),
            ("sip", one(self.sip)),
            ("pack", self.pack),
            ("files_dir", one(self.files_dir)),
            ("tftp", one(self.tftp)),
            ("kazoo_from", self.kazoo_from),
            ("demo", one(demo)),
        ]);
        values.retain(|_, texts| !texts.is_empty());
        let mut flags = self.place.flags();
        flags.values.extend(values);
        Ok(config::read(&flags)?)
    }
}

impl Command {
    fn run(
        self,
        out: &mut dyn Write,
        serve: impl FnOnce(Config) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match self {
            Self::Serve(settings) => serve(settings.read()?.config),
            Self::Config(settings) => say(out, &config::show(&settings.read()?)),
            Self::Catalog { table, pack } => {
                let set = watch::compile(&watch::load(&pack)?).map_err(|findings| lines(&findings))?;
                say(out, &if table { set.catalog().table() } else { set.catalog().listing() })
            }
            Self::NewPack(pack) => pack.run(out),
            Self::Lint(lint) => lint.run(out),
            Self::Render(render) => render.run(out, &mut io::stderr()),
            Self::Explain(explain) => explain.run(out),
            Self::Check(place) => check(place, out),
            Self::Export { place, to } => {
                let counts = transfer::export(&place.data_dir()?, &to, out)?;
                eprintln!("{}", sentence("exported", counts));
                Ok(())
            }
            Self::Import { place, from } => {
                let counts = transfer::import(&place.data_dir()?, &from)?;
                say(out, &format!("{}\n", sentence("imported", counts)))
            }
        }
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn check(place: Place, out: &mut dyn Write) -> Result<(), Failure> {
    let dir = place.data_dir()?;
    let report = store::check(&dir)?;
    let mut text = format!("{}\n", sentence("found", report.counts));
    for problem in &report.problems {
        text.push_str(problem);
        text.push('\n');
    }
    say(out, &text)?;
    if report.problems.is_empty() {
        return Ok(());
    }
    let dir = dir.display();
    Err(format!(
        "the database in {dir} is damaged: move the folder away, and import the last export into a new one"
    )
    .into())
}

fn sentence(verb: &str, counts: Counts) -> String {
    let Counts { accounts, users, devices, marks, notes } = counts;
    format!("{verb} {accounts} accounts, {users} users, {devices} devices, {marks} marks and {notes} notes")
}

/// Nobody to read it any more (`| head`) is no failure.
fn say(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use clap::CommandFactory as _;

    use super::*;
    use crate::store::{Options, SledStore};

    /// What a command printed, or how it failed.
    fn said(args: &[&str]) -> Result<String, String> {
        let args = ["checksync"].iter().chain(args);
        let cli = Cli::try_parse_from(args).map_err(|usage| usage.to_string())?;
        let mut out = Vec::new();
        let done = cli.command.run(&mut out, |_| Err("served".into()));
        done.map_err(|failure| failure.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn database(dir: &Path) {
        drop(SledStore::open(Options::new(dir)).unwrap());
    }

    #[test]
    fn the_command_line_is_consistent_and_explains_every_flag() {
        Cli::command().debug_assert();
        let help = Cli::command().find_subcommand_mut("serve").unwrap().render_long_help().to_string();
        for setting in SETTINGS.iter().filter(|setting| !setting.flag.is_empty()) {
            assert!(help.contains(setting.flag) && help.contains(setting.meaning), "{}", setting.name);
        }
    }

    #[test]
    fn flags_reach_the_daemon() {
        let args = ["checksync", "serve", "--sip", "127.0.0.1:0", "--pack", "a", "--pack", "b", "--demo"];
        let mut seen = None;
        let serve = |config| {
            seen = Some(config);
            Ok(())
        };
        let code = run_with(args.map(OsString::from), &mut Vec::new(), serve);
        assert_eq!(code, ExitCode::SUCCESS);
        let config: Config = seen.unwrap();
        assert_eq!(config.packs, ["a", "b"].map(PathBuf::from));
        assert!(config.demo && config.sip.port() == 0);
    }

    #[test]
    fn what_makes_no_sense_exits_with_two_and_what_fails_with_one() {
        let code = |args: &[&str]| {
            let args = args.iter().map(OsString::from);
            run_with(args, &mut Vec::new(), |_| Err("the port is in use".into()))
        };
        assert_eq!(code(&["checksync", "swerve"]), ExitCode::from(2));
        assert_eq!(code(&["checksync"]), ExitCode::from(2));
        assert_eq!(code(&["checksync", "--version"]), ExitCode::SUCCESS);
        assert_eq!(code(&["checksync", "serve"]), ExitCode::FAILURE);
        assert_eq!(code(&["checksync", "serve", "--sip", "nowhere"]), ExitCode::FAILURE);
    }

    #[test]
    fn the_settings_in_force_are_printed() {
        let shown = said(&["config", "--admin", "127.0.0.1:9000"]).unwrap();
        assert!(shown.contains("From: --admin.\nadmin = \"127.0.0.1:9000\""), "{shown}");
    }

    #[test]
    fn the_phones_that_there_are_templates_for_are_listed() {
        let listed = said(&["catalog"]).unwrap();
        assert!(listed.contains("\nyealink/t4x/t46s ") && listed.ends_with(" brands.\n"), "{listed}");
        assert!(said(&["catalog", "--table"]).unwrap().starts_with("| brand | family | models |\n"));
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("catalog")).unwrap();
        fs::write(folder.path().join("catalog/acme.toml"), "name = 1").unwrap();
        let refused = said(&["catalog", "--pack", &folder.path().display().to_string()]).unwrap_err();
        assert!(refused.contains("acme.toml"), "{refused}");
    }

    #[test]
    fn a_database_is_checked_exported_and_imported() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (one, two, file) = (path("one"), path("two"), path("export.jsonl"));
        database(Path::new(&one));
        assert!(said(&["check", "--data-dir", &one]).unwrap().starts_with("found 0 accounts, 0 users"));
        assert_eq!(said(&["export", "--data-dir", &one, "--to", &file]), Ok(String::new()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside the export");
        assert!(said(&["import", "--data-dir", &two, "--from", &file]).unwrap().starts_with("imported 0"));
        let printed = said(&["export", "--data-dir", &two]).unwrap();
        assert_eq!(printed, fs::read_to_string(&file).unwrap());
    }

    #[test]
    fn what_cannot_be_done_is_said_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let absent = path("absent");
        assert!(said(&["check", "--data-dir", &absent]).unwrap_err().contains(&absent));
        let file = path("export.jsonl");
        assert!(said(&["export", "--data-dir", &absent, "--to", &file]).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a failed export leaves nothing");
        let refused = said(&["import", "--data-dir", &absent, "--from", &file]).unwrap_err();
        assert!(refused.starts_with(&format!("{file} cannot be read")), "{refused}");
    }
}
