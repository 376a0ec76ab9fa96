//! Without axum: hyper and a service function.

use std::convert::Infallible;

use headwater_axum::{Event, EventStream, LastEventId, producer};
use headwater_testkit::{Client, Request};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

// The service half of what frameworks need: nothing but hyper.
#[test]
fn hyper_serves_an_event_stream() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let client = Client::new(listener.local_addr().unwrap());
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
                let last = LastEventId::of(&request.into_parts().0);
                let stream = EventStream::resume(last, |id| {
                    producer(move |events| async move {
                        let id = id.map_or("nothing".to_owned(), |id| id.to_string());
                        events.send(Event::new(id)).await?;
                        std::future::pending().await
                    })
                });
                Ok::<_, Infallible>(stream.into_http())
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    let mut events = client.stream(&Request::get("/"));
    assert_eq!(events.next().data, "nothing");
    assert_eq!(client.stream(&Request::get("/").header("Last-Event-ID", "6")).next().data, "6");
}
