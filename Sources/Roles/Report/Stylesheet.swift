/// How the report looks.
enum Stylesheet {
  static let css = """
    :root {
      --page: #fbfaf7; --card: #ffffff; --ink: #1c2128; --soft: #656d78; --rule: #e4e1da; --grid: #edeae4; --base: #b9b5ac;
      --arrivals: #4a78ad; --backlog: #c65b3f; --ours: #1f7f70; --other: #8d8577; --units: #7466a8; --good: #1d7a4f; --bad: #b3261e;
      --good-tint: #e7f3ec; --bad-tint: #fbe9e7;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #14171b; --card: #1b1f25; --ink: #e9e6df; --soft: #9aa3ae; --rule: #2c323a; --grid: #242a31; --base: #565e69;
        --arrivals: #7fb0e3; --backlog: #ee8d70; --ours: #57c4b0; --other: #a39b8d; --units: #a99be0; --good: #6fcf9c; --bad: #ff8a80;
        --good-tint: #17291f; --bad-tint: #33191a;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; background: var(--page); color: var(--ink);
      font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
      -webkit-text-size-adjust: 100%;
    }
    main { max-width: 1024px; margin: 0 auto; padding: 48px 32px 40px; }
    p { margin: 0 0 12px; max-width: 74ch; }
    h1 { margin: 0 0 8px; font-size: 34px; line-height: 1.2; letter-spacing: -0.015em; font-weight: 650; }
    h2 { margin: 0 0 4px; font-size: 21px; line-height: 1.3; letter-spacing: -0.005em; font-weight: 650; }
    section { margin-top: 44px; }
    section > p { color: var(--soft); margin-bottom: 20px; }
    .mark { margin: 0 0 14px; font-size: 13px; letter-spacing: 0.14em; text-transform: uppercase; color: var(--soft); }
    .lead { font-size: 17px; color: var(--soft); margin-bottom: 20px; }
    .verdict { display: inline-block; padding: 8px 16px; border-radius: 8px; max-width: none; }
    .verdict.good { background: var(--good-tint); } .verdict.good b { color: var(--good); }
    .verdict.bad { background: var(--bad-tint); } .verdict.bad b { color: var(--bad); }
    .tiles {
      display: grid; gap: 1px; margin: 16px 0 0; overflow: hidden;
      background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
    }
    .tiles.four { grid-template-columns: repeat(4, 1fr); } .tiles.five { grid-template-columns: repeat(5, 1fr); }
    .tiles div { box-shadow: 0 0 0 1px var(--rule); padding: 14px 20px 12px; }
    .tiles dt { font-size: 13px; color: var(--soft); }
    .tiles dd { margin: 2px 0 0; font-size: 25px; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; white-space: nowrap; }
    .tiles small { font-size: 14px; font-weight: 400; color: var(--soft); letter-spacing: 0; }
    .tiles .good dd { color: var(--good); } .tiles .bad dd { color: var(--bad); }
    .plot { overflow-x: auto; margin: 0 0 20px; }
    .plot svg { display: block; width: 100%; min-width: 680px; height: auto; font-size: 12.5px; }
    .tick { fill: var(--soft); font-variant-numeric: tabular-nums; }
    .axis { fill: var(--soft); font-size: 13px; }
    .label { fill: var(--ink); font-size: 13px; font-variant-numeric: tabular-nums; }
    .note { fill: var(--soft); font-size: 14px; font-style: italic; }
    .grid { stroke: var(--grid); } .base { stroke: var(--base); }
    rect.arrivals { fill: var(--arrivals); } rect.units { fill: var(--units); }
    rect:hover { opacity: 0.75; }
    .fill { stroke: none; opacity: 0.16; }
    .backlog.fill { fill: var(--backlog); } .ours.fill { fill: var(--ours); opacity: 0.10; } .units.fill { fill: var(--units); }
    .stroke { fill: none; stroke-width: 2; stroke-linejoin: round; }
    .backlog.stroke { stroke: var(--backlog); } .ours.stroke { stroke: var(--ours); stroke-width: 2.5; }
    .units.stroke { stroke: var(--units); } .other.stroke { stroke: var(--other); }
    .dashed { stroke-dasharray: 5 4; }
    .dot { fill: var(--ours); stroke: var(--page); stroke-width: 2; }
    table { width: 100%; border-collapse: collapse; margin: 0 0 28px; font-size: 15px; }
    th, td { padding: 7px 14px 7px 0; text-align: left; font-weight: 400; border-bottom: 1px solid var(--rule); white-space: nowrap; }
    thead th { font-size: 13px; color: var(--soft); }
    .n { text-align: right; font-variant-numeric: tabular-nums; }
    .wide { width: 40%; padding-right: 0; }
    .meter { display: block; height: 10px; border-radius: 3px; background: var(--grid); overflow: hidden; }
    .meter i { display: block; height: 100%; min-width: 1px; background: var(--units); }
    .meter i.ours { background: var(--ours); } .meter i.other { background: var(--other); }
    footer { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--rule); font-size: 14px; color: var(--soft); }
    @media (max-width: 760px) { .tiles.four, .tiles.five { grid-template-columns: repeat(2, 1fr); } }
    @media (max-width: 640px) { main { padding: 28px 18px; } h1 { font-size: 27px; } .wide { width: 20%; } }
    @media print { body { background: #fff; } section { break-inside: avoid; } main { padding: 0; } }
    """
}
