//! The client's state machine beside its model.

use std::time::Duration;

use arbitrary::{Arbitrary as _, Unstructured};
use headwater_client::Retry;
use headwater_client::machine::checked::{Checked, Input};
use headwater_client::machine::{Answer, Settings};

/// What streams of a hub are made of.
const PIECES: [&str; 18] = [
    "id: 1\ndata: a\n\n",
    "id: 2\ndata: a\n\n",
    "id: 3\ndata: a\n\n",
    "id: 4\n",
    "data: b\n",
    "\n",
    "\r",
    ":\n",
    "id: 5\n\n",
    "id\n",
    "retry: 100\n",
    "retry: 9999999999\n",
    "topic: t\n",
    "event: headwater.closing\ndata: {\"reason\":\"expired\",\"reconnect_ms\":500}\n\n",
    "event: headwater.gap\ndata: {\"reason\":\"epoch\",\"requested\":\"1\",\"resumed_at\":\"2\"}\nid: 2\n\n",
    "event: headwater.end\ndata: {\"reason\":\"done\",\"topic\":\"t\"}\nid: 6\n\n",
    "event: headwater.expiring\ndata: {\"expires_at\":\"x\",\"session\":\"0-1\"}\n\n",
    "data: 0123456789012345678901234567890123456789012345678901234567890123456789\n",
];

/// Reads settings and what happens from the input, one after the other, until it ends.
pub fn check(input: &[u8]) {
    // An input that is too short for the settings says nothing.
    let _ = run(&mut Unstructured::new(input));
}

fn run(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let retry = Retry {
        first: millis(input)?,
        most: millis(input)?,
        stable: millis(input)?,
        failures: Option::<u8>::arbitrary(input)?.map(u32::from),
    };
    let settings = Settings {
        retry,
        connect_timeout: millis(input)?,
        heartbeat: Option::<u16>::arbitrary(input)?.map(|millis| Duration::from_millis(millis.into())),
        max_event: input.int_in_range(8..=1024)?,
        dedupe: bool::arbitrary(input)?,
        can_refresh: bool::arbitrary(input)?,
        seed: u64::from(u8::arbitrary(input)?),
    };
    let cursor = input.choose(&["", "3", "\u{e9}"])?;
    let mut client = Checked::new(settings, cursor, bool::arbitrary(input)?);
    while !input.is_empty() {
        client.apply(happening(input)?);
    }
    client.apply(Input::Save);
    Ok(())
}

fn happening(input: &mut Unstructured<'_>) -> arbitrary::Result<Input> {
    Ok(match input.int_in_range(0..=14_u8)? {
        0..=1 => Input::Answer(Answer {
            status: 200,
            content_type: Some("text/event-stream".into()),
            heartbeat: Option::<u16>::arbitrary(input)?.map(|millis| Duration::from_millis(millis.into())),
            ..Answer::default()
        }),
        2 => Input::Answer(Answer {
            status: input.int_in_range(100..=599)?,
            content_type: Option::<&str>::arbitrary(input)?.map(Into::into),
            retry_after: Option::<u64>::arbitrary(input)?.map(Duration::from_secs),
            ..Answer::default()
        }),
        3 => Input::Unreachable,
        4 => Input::Refreshed(bool::arbitrary(input)?),
        5 => Input::Bytes(Vec::<u8>::arbitrary(input)?),
        6 => {
            let mut bytes = Vec::new();
            for _ in 0..input.int_in_range(1..=8_u8)? {
                bytes.extend_from_slice(input.choose(&PIECES)?.as_bytes());
            }
            Input::Bytes(bytes)
        }
        7 => Input::Take(u8::arbitrary(input)? % 4),
        8 => Input::End,
        9 => Input::Break,
        10 => Input::Idle,
        11 => Input::Pass(millis(input)?),
        12 => Input::Due(u16::arbitrary(input)?),
        13 => Input::Save,
        // Seldom, because nothing comes after the second.
        _ => match u8::arbitrary(input)? % 8 {
            0 => Input::Abort,
            _ => Input::Restart,
        },
    })
}

fn millis(input: &mut Unstructured<'_>) -> arbitrary::Result<Duration> {
    Ok(Duration::from_millis(u16::arbitrary(input)?.into()))
}
