//! Streams through nginx, which compresses them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use tasks_api_test_support::process::free_port;
use tempfile::TempDir;
use tokio::time::sleep;

use super::*;

/// An nginx with one configuration. It is killed when the value is dropped.
struct Nginx {
    url: String,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// In front of the service, with these lines in its `location`.
    async fn start(service: &Service, location: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        // Its workers are of another user.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let configuration = format!(
            "daemon off; pid {folder}/pid; error_log {folder}/log;
             events {{ }}
             http {{
               access_log off;
               client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
               fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
               gzip on; gzip_types text/event-stream application/json; gzip_min_length 1;
               gzip_proxied any;
               server {{
                 listen 127.0.0.1:{port};
                 location / {{ proxy_pass {url}; {location} }}
               }}
             }}",
            folder = folder.path().display(),
            url = service.url,
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let nginx = Self {
            url: format!("http://127.0.0.1:{port}"),
            child,
            _folder: folder,
        };
        let live = format!("{}/health/live", nginx.url);
        let ready = async {
            while client().get(&live).send().await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LIMIT, ready).await.expect("nginx listens");
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it.
        let kill = format!("kill -TERM {}", self.child.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.child.wait();
    }
}

/// The stream's text, which nginx has compressed.
struct Compressed {
    response: reqwest::Response,
    text: flate2::write::GzDecoder<Vec<u8>>,
    read: usize,
    parser: tasks_api_test_support::events::Parser,
}

impl Compressed {
    async fn event(&mut self) -> serde_json::Value {
        use std::io::Write;
        loop {
            while let Some(item) = self.parser.item() {
                if let Item::Event(_, data) = item {
                    return data;
                }
            }
            let chunk = timeout(LIMIT, self.response.chunk()).await;
            let chunk = chunk.expect("a part in time").unwrap();
            self.text.write_all(&chunk.expect("no end")).unwrap();
            self.text.flush().unwrap();
            let text = self.text.get_ref();
            self.parser.push(&text[self.read..]);
            self.read = text.len();
        }
    }
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn events_pass_a_proxy_that_compresses_one_by_one() {
    let database = TestDatabase::create().await;
    let service = Service::on(database.url()).await;
    service.wait_until_ready().await;
    let ana = token("ana").await;
    for location in ["", "proxy_http_version 1.1; proxy_buffering off;"] {
        let nginx = Nginx::start(&service, location).await;
        let get = request(&nginx.url, &ana, None).header("accept-encoding", "gzip");
        let response = get.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let mut stream = Compressed {
            response,
            text: flate2::write::GzDecoder::new(Vec::new()),
            read: 0,
            parser: tasks_api_test_support::events::Parser::default(),
        };
        stream.event().await;

        for number in 0..5 {
            let created = service.client(&ana).create(&number.to_string()).await;
            let task = created.expect(StatusCode::CREATED);
            assert_eq!(stream.event().await["tasks"][0], task);
        }
        let mut plain = Events::open(&nginx.url, &ana, None).await;
        plain.event().await.unwrap();
        service
            .client(&ana)
            .create("Milk")
            .await
            .expect(StatusCode::CREATED);
        assert_eq!(plain.event().await.unwrap()["tasks"][0]["title"], "Milk");
    }
}
