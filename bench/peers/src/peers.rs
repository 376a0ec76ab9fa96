//! Every peer: how it is started, and where events go in and come out.

use std::error::Error;
use std::fs;
use std::path::Path;

use crate::process::{Program, free_port, request, until_answered};

/// A peer.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// What readers of the table should know.
    pub(crate) note: &'static str,
    pub(crate) start: Start,
}

/// Starts a peer, given the hub's program and a folder for its data.
type Start = fn(&Path, &Path) -> Result<Running, Box<dyn Error>>;

/// A peer that serves.
pub(crate) struct Running {
    /// The first is the one that is measured; the others only have to be there.
    pub(crate) programs: Vec<Program>,
    /// Flags of `headwater bench`.
    pub(crate) flags: Vec<String>,
}

/// All of them; the bare loop, which the others are compared with, comes first.
pub(crate) const PEERS: &[Peer] = &[
    Peer { name: "bare", note: "the limit: one send per reader and event, nothing else", start: bare },
    Peer { name: "headwater", note: "durable", start: headwater },
    Peer { name: "durable-streams", note: "crate 0.1.5, durable", start: durable_streams },
    Peer { name: "nchan", note: "nginx from Debian, two workers, in memory", start: nchan },
    Peer { name: "axum", note: "`Sse` over a broadcast channel, no history", start: axum },
    Peer { name: "pushpin", note: "from Debian, no history", start: pushpin },
];

fn bare(_: &Path, folder: &Path) -> Result<Running, Box<dyn Error>> {
    let port = free_port()?;
    let program = Program::own("bare", port, folder)?;
    until_answered(port, "/")?;
    Ok(Running { programs: vec![program], flags: urls(port, "/", port, "/") })
}

fn axum(_: &Path, folder: &Path) -> Result<Running, Box<dyn Error>> {
    let port = free_port()?;
    let program = Program::own("sse", port, folder)?;
    until_answered(port, "/nothing")?;
    let mut flags = urls(port, "/", port, "/");
    flags.extend(["--publish-header".to_owned(), "Content-Type: text/plain".to_owned()]);
    Ok(Running { programs: vec![program], flags })
}

fn headwater(hub: &Path, folder: &Path) -> Result<Running, Box<dyn Error>> {
    let port = free_port()?;
    let (listen, data) = (format!("127.0.0.1:{port}"), folder.join("data"));
    let program = Program::start(hub, &["serve", "--listen", &listen, "--data", &data.to_string_lossy()], folder)?;
    until_answered(port, "/healthz")?;
    Ok(Running { programs: vec![program], flags: vec!["--target".to_owned(), format!("http://{listen}")] })
}

fn durable_streams(_: &Path, folder: &Path) -> Result<Running, Box<dyn Error>> {
    let named = std::env::var_os("DURABLE_STREAMS_BIN").ok_or("DURABLE_STREAMS_BIN names no program")?;
    let port = free_port()?;
    let data = folder.join("data");
    let arguments = ["--port", &port.to_string(), "--data-dir", &data.to_string_lossy()];
    let program = Program::start(named, &arguments, folder)?;
    until_answered(port, "/nothing")?;
    let created = request(port, "PUT", "/bench", "Content-Type: text/plain\r\n")?;
    if !created.starts_with("HTTP/1.1 20") {
        return Err(format!("it created no stream: {created}").into());
    }
    let mut flags = urls(port, "/bench?offset=now&live=sse", port, "/bench");
    // It joins what comes in quick succession, so each event brings its line end along.
    flags.extend(["--publish-header", "Content-Type: text/plain", "--publish-body", "{payload}\n"].map(str::to_owned));
    Ok(Running { programs: vec![program], flags })
}

fn nchan(_: &Path, folder: &Path) -> Result<Running, Box<dyn Error>> {
    const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
    if !Path::new(MODULE).is_file() {
        return Err("the Debian package libnginx-mod-nchan is not installed".into());
    }
    let port = free_port()?;
    let config = format!(
        "load_module {MODULE};
        daemon off;
        user root;
        pid nginx.pid;
        error_log stderr error;
        worker_processes 2;
        worker_rlimit_nofile 20000;
        events {{ worker_connections 16000; }}
        http {{
            access_log off;
            keepalive_requests 1000000;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            nchan_shared_memory_size 256m;
            server {{
                listen 127.0.0.1:{port} backlog=4096;
                location = /sub {{ nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest; }}
                location = /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 100; }}
            }}
        }}"
    );
    fs::write(folder.join("nginx.conf"), config)?;
    let (prefix, config) = (folder.to_string_lossy(), folder.join("nginx.conf"));
    let arguments = ["-p", &prefix, "-c", &config.to_string_lossy(), "-e", "stderr"];
    let program = Program::start("/usr/sbin/nginx", &arguments, folder)?;
    until_answered(port, "/pub")?;
    Ok(Running { programs: vec![program], flags: urls(port, "/sub", port, "/pub") })
}

fn pushpin(_: &Path, folder: &Path) -> Result<Running, Box<dyn Error>> {
    let config =
        fs::read_to_string("/etc/pushpin/pushpin.conf").map_err(|_| "the Debian package pushpin is not installed")?;
    let (port, control, origin_port) = (free_port()?, free_port()?, free_port()?);
    let (origin_folder, run, log) = (folder.join("origin"), folder.join("run"), folder.join("logs"));
    [&origin_folder, &run, &log].into_iter().try_for_each(fs::create_dir)?;
    let origin = Program::own("origin", origin_port, &origin_folder)?;
    until_answered(origin_port, "/")?;
    // It asks its origin through another program, which Debian runs as a service of its own.
    let internal = fs::read_to_string("/usr/lib/pushpin/internal.conf")?;
    let requests = format!("ipc://{}/zurl-", run.display());
    fs::write(folder.join("internal.conf"), internal.replace("ipc:///var/run/zurl/zurl-", &requests))?;
    let zurl = format!(
        "[General]\nin_spec={requests}in\nin_stream_spec={requests}in-stream\nout_spec={requests}out\ndefpolicy=allow\n\
         max_open_requests=20000\nbuffer_size=200000\ntimeout=600\nin_hwm=100000\nout_hwm=100000\n"
    );
    fs::write(folder.join("zurl.conf"), zurl)?;
    let zurl = Program::start("zurl", &[format!("--config={}", folder.join("zurl.conf").display())], &origin_folder)?;
    // Its own file with what a benchmark on free ports needs changed; by default it sends 2,500 events a second at most.
    let changes = [
        ("include", folder.join("internal.conf").display().to_string()),
        ("rundir", run.display().to_string()),
        ("logdir", log.display().to_string()),
        ("http_port", port.to_string()),
        ("routesfile", folder.join("routes").display().to_string()),
        ("push_in_http_port", control.to_string()),
        ("push_in_spec", format!("ipc://{}/push", run.display())),
        ("push_in_sub_specs", format!("ipc://{}/sub", run.display())),
        ("command_spec", format!("ipc://{}/command", run.display())),
        ("message_rate", "10000000".to_owned()),
        ("message_hwm", "10000000".to_owned()),
    ];
    let line = |line: &str| match changes
        .iter()
        .find(|(key, _)| line.strip_prefix(key).is_some_and(|rest| rest.starts_with('=')))
    {
        Some((key, value)) => format!("{key}={value}\n"),
        None => format!("{line}\n"),
    };
    fs::write(folder.join("pushpin.conf"), config.lines().map(line).collect::<String>())?;
    fs::write(folder.join("routes"), format!("* 127.0.0.1:{origin_port}\n"))?;
    let config = format!("--config={}", folder.join("pushpin.conf").display());
    let program = Program::start("pushpin", &[config], folder)?;
    until_answered(port, "/")?;
    until_answered(control, "/")?;
    let mut flags = urls(port, "/", control, "/publish/");
    let body = r#"{"items":[{"channel":"bench","formats":{"http-stream":{"content":"data: {payload}\n\n"}}}]}"#;
    flags.extend(["--publish-header", "Content-Type: application/json", "--publish-body", body].map(str::to_owned));
    Ok(Running { programs: vec![program, zurl, origin], flags })
}

fn urls(subscribe: u16, stream: &str, publish: u16, events: &str) -> Vec<String> {
    vec![
        "--subscribe-url".to_owned(),
        format!("http://127.0.0.1:{subscribe}{stream}"),
        "--publish-url".to_owned(),
        format!("http://127.0.0.1:{publish}{events}"),
    ]
}
