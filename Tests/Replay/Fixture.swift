@testable import Replay

/// A few rows in the shape of the two files, made for these tests.
enum Fixture {
  static let callHeader =
    "vru+line,call_id,customer_id,priority,type,date,vru_entry,vru_exit,vru_time,q_start,q_exit,q_time,outcome,ser_start,ser_exit,ser_time,server"

  /// A call with what matters here; the rest is filled in.
  static func call(
    _ id: Int, type: String = "PS", priority: Int = 0, menuEnd: String = "8:00:00", menu: Int = 10,
    queue: (start: String, seconds: Int)? = nil,
    outcome: String = "AGENT", service: (start: String, seconds: Int) = ("8:00:00", 60), server: String = "DORIT", date: String = "990202"
  ) -> String {
    let waited = queue.map { "\($0.start),0:00:01,\($0.seconds)" } ?? "0:00:00,0:00:00,0"
    return "AA0101,\(id),0,\(priority),\(type),\(date),7:59:50,\(menuEnd),\(menu),\(waited),\(outcome),\(service.start),0:00:00,"
      + "\(service.seconds),\(server)"
  }

  static let fireHeader =
    "Call Number,Unit ID,Received DtTm,Entry DtTm,Dispatch DtTm,Response DtTm,On Scene DtTm,Transport DtTm,Hospital DtTm,Available DtTm,"
    + "Final Priority,ALS Unit,Unit Type,RowID"

  /// A row whose times stand within the first hour past noon of one day, as `mm:ss`; nil leaves the cell empty.
  static func row(
    _ id: String, unit: String = "E01", received: String? = "00:00", entry: String? = "01:00", dispatch: String? = "02:00",
    response: String? = "03:00", scene: String? = "08:00", available: String? = "30:00", type: String = "ENGINE", lifeSupport: Bool = false
  ) -> String {
    func time(_ text: String?) -> String { text.map { "01/01/2017 12:\($0) PM" } ?? "" }
    let times = [received, entry, dispatch, response, scene, nil, nil, available].map(time).joined(separator: ",")
    return "1,\(unit),\(times),3,\(lifeSupport),\(type),\(id)"
  }

  static func file(_ header: String, _ rows: [String]) throws -> ReplayFile {
    try ReplayFile(Array(([header] + rows).joined(separator: "\n").utf8))
  }

  static func calls(_ rows: String...) throws -> ReplayDay { try file(callHeader, rows).day() }
  static func fires(_ rows: String...) throws -> ReplayDay { try file(fireHeader, rows).day() }
}
