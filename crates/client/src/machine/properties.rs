//! The core does what the chapter on clients says, whatever happens in whatever order.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::checked::{Checked, Input};
use super::{Answer, Retry, Settings};

fn settings() -> impl Strategy<Value = Settings> {
    let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
    let retry = (millis(5_000), millis(60_000), millis(5_000), option::weighted(0.3, 0..6_u32))
        .prop_map(|(first, most, stable, failures)| Retry { first, most, stable, failures });
    (retry, millis(5_000), option::of(millis(2_000)), 8..200_usize, any::<bool>(), any::<bool>(), any::<u64>())
        .prop_map(|(retry, connect_timeout, heartbeat, max_event, dedupe, can_refresh, seed)| Settings {
            retry,
            connect_timeout,
            heartbeat,
            max_event,
            dedupe,
            can_refresh,
            seed,
        })
}

fn answers() -> impl Strategy<Value = Answer> {
    let stream = Just((200, Some("text/event-stream".to_owned())));
    let other = (select(vec![200, 204, 301, 400, 401, 403, 408, 425, 429, 500, 503]), Just(None));
    (prop_oneof![3 => stream, 1 => other], option::of(0..7_200_u64), option::of(0..3_000_u64)).prop_map(
        |((status, content_type), retry_after, heartbeat)| Answer {
            status,
            content_type,
            retry_after: retry_after.map(Duration::from_secs),
            heartbeat: heartbeat.map(Duration::from_millis),
            ..Answer::default()
        },
    )
}

/// Pieces of streams whose ids come again, with control events and what is larger than allowed.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let event = (0..12_u8, any::<u8>()).prop_map(|(id, data)| format!("id: {id}\ndata: {data}\n\n"));
    let other = select(vec![
        "data: without an id\n\n",
        "id: 5\n\n",
        "id\n\n",
        "retry: 250\n",
        "retry: 99999999999\n",
        "id: 7\ndata: cut",
        ": comment\n",
        "event: headwater.gap\ndata: {\"reason\":\"retention\",\"requested\":\"1\",\"resumed_at\":\"4\"}\nid: 4\n\n",
        "event: headwater.closing\ndata: {\"reason\":\"expired\",\"reconnect_ms\":700}\n\n",
        "event: headwater.closing\ndata: {\"reason\":\"drain\",\"reconnect_ms\":99999999999}\n\n",
        "event: headwater.expiring\ndata: {\"expires_at\":\"x\",\"session\":\"0-1\"}\n\n",
        "event: headwater.end\ndata: {\"reason\":\"done\",\"topic\":\"t\"}\nid: 9\n\n",
        "event: headwater.end\ndata: [1]\n\n",
    ]);
    let large = Just(format!("id: 3\ndata: {}\n\n", "x".repeat(300)));
    let piece = prop_oneof![6 => event, 3 => other.prop_map(str::to_owned), 1 => large];
    prop_oneof![5 => vec(piece, 0..8).prop_map(|pieces| pieces.concat().into_bytes()), 1 => vec(any::<u8>(), 0..40)]
}

fn inputs() -> impl Strategy<Value = Input> {
    prop_oneof![
        6 => answers().prop_map(Input::Answer),
        1 => Just(Input::Unreachable),
        2 => any::<bool>().prop_map(Input::Refreshed),
        8 => bytes().prop_map(Input::Bytes),
        4 => (0..6_u8).prop_map(Input::Take),
        2 => Just(Input::End),
        2 => Just(Input::Break),
        3 => Just(Input::Idle),
        2 => (0..5_000_u64).prop_map(|millis| Input::Pass(Duration::from_millis(millis))),
        4 => (0..1_500_u16).prop_map(Input::Due),
        3 => Just(Input::Save),
        1 => Just(Input::Restart),
        1 => option::weighted(0.2, Just(())).prop_map(|abort| abort.map_or(Input::Take(1), |()| Input::Abort)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// CLI-01, CLI-02, IDG-08: waits are within their bounds, the cursor is the server's, nothing comes twice or is left
    /// out, what is closed stays closed, and what was not handed out is not saved.
    #[test]
    fn a_core_is_what_its_model_is(
        settings in settings(),
        cursor in select(vec!["", "3", "é"]),
        stored in any::<bool>(),
        inputs in vec(inputs(), 0..60),
    ) {
        let mut checked = Checked::new(settings, cursor, stored);
        for input in inputs {
            checked.apply(input);
        }
    }
}
