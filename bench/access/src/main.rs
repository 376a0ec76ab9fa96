//! Measures what access control costs.
//!
//! First the decisions alone, in CPU time of one thread: a token that is remembered, one that is verified, and one that
//! is refused, for every algorithm. Then a whole hub, named by `HEADWATER_BIN`: ten thousand readers drop and come back at
//! once, anonymous and each with a token of its own, in alternating runs. `BENCH_READERS` makes a smaller run possible.

mod keys;
mod storm;
mod tokens;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("## Tokens, CPU time each\n");
    println!("| algorithm | remembered | verified | refused |\n|---|---|---|---|");
    for algorithm in keys::ALGORITHMS {
        let figures = tokens::measure(&keys::Pair::new(algorithm)?)?;
        let cells =
            [figures.remembered, figures.verified, figures.refused].map(|nanos| format!("{:.2} us", nanos / 1e3));
        println!("| {} | {} |", algorithm, cells.join(" | "));
    }
    println!("\nGoal: less than 1 us for one that is remembered.\n");

    let readers = std::env::var("BENCH_READERS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    println!("## {readers} readers come back at once\n");
    let ratio = storm::measure(readers)?;
    println!("\nWith tokens it takes {ratio:.2} x as long as without. Goal: 1.3 x.");
    Ok(())
}
