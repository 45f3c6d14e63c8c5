import JSON
import Resources

/// The body of `POST /dev/clock`: `{"advance": seconds}` or `{"rate": n}`, or both.
enum DevClock {
  static func read(_ body: [UInt8]) throws(APIError) -> (advance: Double?, rate: Double?) {
    let document: JSONDocument
    do throws(JSONError) { document = try JSONDocument(parsing: body) } catch { throw .invalid("The body must be a JSON object: \(error)") }
    guard document.isObject else { throw .invalid("The body must be a JSON object with advance or rate") }
    func number(_ name: String, _ range: ClosedRange<Double>) throws(APIError) -> Double? {
      guard let value = document.root[key: name] else { return nil }
      guard let number = value.double ?? value.integer.map(Double.init), range.contains(number) else {
        throw .invalid("\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
    let advance = try number("advance", 0...31_536_000)
    let rate = try number("rate", 0.001...100_000)
    guard advance != nil || rate != nil else { throw .invalid("The body must have advance (seconds) or rate (times real time)") }
    return (advance, rate)
  }

  static func answer(now: Int64) -> [UInt8] {
    var json = JSONWriter(capacity: 64)
    json.beginObject()
    json.member("now", Dates.iso8601Milliseconds(now))
    json.endObject()
    return json.bytes
  }
}
