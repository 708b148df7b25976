//! All of it on one page that needs no other file.

use super::results::Results;
use super::svg::escaped;
use super::tables;

const STYLE: &str = "
body { font: 15px/1.5 -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif; color: #22272e;
       max-width: 860px; margin: 40px auto 80px; padding: 0 20px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 44px 0 10px; }
p { margin: 8px 0; }
.faint { color: #66707b; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: 12px 0; }
th { text-align: left; color: #66707b; font-weight: 500; border-bottom: 2px solid #cfd5db; padding: 5px 8px;
     vertical-align: bottom; }
td { border-bottom: 1px solid #e3e7eb; padding: 4px 8px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { max-width: 100%; height: auto; display: block; margin: 8px 0; }
code { font-size: 13px; background: #f2f4f6; padding: 2px 5px; border-radius: 3px; }
details { margin: 12px 0; }
summary { cursor: pointer; }
";

/// The page. The plots are part of it.
pub(super) fn page(results: &Results, throughput: &str, latency: &str, scaling: &str) -> String {
    let place = &results.place;
    let [before, after] = &place.load;
    let machine = format!(
        "{} cores of {}, {}; {} threads wanted to run in the minute before it began, {} in its last.",
        place.cores, place.processor, place.system, before, after
    );
    let versions = format!("{}; {}.", place.compiler, place.crates.join(", "));
    let [main, all, percentiles] = [tables::main(results), tables::all(results), tables::latency(results)];
    let (date, runs, scale) = (escaped(&place.date), results.runs, results.scale);
    let [machine, versions, command] = [&machine, &versions, &place.command].map(|text| escaped(text));
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>genstage: how fast is it?</title>
<style>{STYLE}</style>
</head>
<body>
<h1>How fast is genstage?</h1>
<p class=\"faint\">{date}. Medians of {runs} runs of each engine, in turn in one process, at scale {scale}.</p>

<h2>What an event takes</h2>
<p>The limit is the same batches handed over by plain function calls on one core. The last two columns say how many times
as long, or as large, as the limit and as the best peer genstage is: below 1 it is ahead.</p>
{main}
{throughput}
<details><summary>All engines in all scenarios</summary>
{all}</details>

<h2>Latency</h2>
<p>A thread has an event every 10 us and pushes it into a pipeline of two hand-overs. The time of an event starts when it
was due, also where the pipeline held the thread back; where the system was late to run the thread, when it ran again.</p>
{latency}
{percentiles}
<h2>Scaling</h2>
{scaling}
<h2>Where</h2>
<p>{machine}</p>
<p>{versions}</p>
<p><code>{command}</code></p>
</body>
</html>
"
    )
}
