import Foundation

/// Counts what a lifecycle and a request cost and compares with the file that is kept: `make counts`; with UPDATE=1 the file is written anew.
/// More than the file says by over 3 % fails, and so does less, so that what was won is kept.
let place = "Benchmarks/Counts/counts.json"
let tolerance = 0.03

var counting = Counting()
try counting.lifecycles("lifecycle, 1,000 waiting, 512 workers", waiting: 1000, workers: 512)
try counting.lifecycles("lifecycle, 20,000 waiting, 512 workers", waiting: 20_000, workers: 512)
try counting.lifecycles("lifecycle, 1,000 waiting, 5,120 workers", waiting: 1000, workers: 5120)
try counting.waiting(tasks: 5000)
let found = try await counting.figures.merging(Counting.requests()) { $1 }
let figures = found.mapValues { ($0 * 100).rounded() / 100 }

if ProcessInfo.processInfo.environment["UPDATE"] == "1" {
  let text = figures.sorted { $0.key < $1.key }.map { "  \"\($0.key)\": \($0.value)" }.joined(separator: ",\n")
  try Data("{\n\(text)\n}\n".utf8).write(to: URL(fileURLWithPath: place))
}
guard let data = FileManager.default.contents(atPath: place) else { throw CountFailure.noFile(place) }
let kept = try JSONDecoder().decode([String: Double].self, from: data)
var failed = 0
for name in Set(kept.keys).union(figures.keys).sorted() {
  let (now, before) = (figures[name] ?? 0, kept[name] ?? 0)
  let isSame = abs(now - before) <= max(before * tolerance, 0.05)
  if !isSame { failed += 1 }
  print("\(isSame ? "ok  " : "FAIL") \(name): \(now), kept \(before)")
}
print("\(figures.count - failed) passed, \(failed) failed")
exit(failed == 0 ? 0 : 1)
