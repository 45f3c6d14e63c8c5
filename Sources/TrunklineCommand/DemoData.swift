import Foundation
import Options
import Replay
import Terminal
import Trunkline

/// The recorded day that is replayed.
struct DemoData {
  let path: String
  let day: ReplayDay

  static func load(_ options: Options) throws -> DemoData {
    let path = try options.valueIfSet("data", .text) ?? found()
    let date = try options.valueIfSet("day", .text)
    let bytes: [UInt8]
    do { bytes = try [UInt8](Data(contentsOf: URL(filePath: path))) } catch {
      throw NodeFailure("--data: \(path) cannot be read: \(error.localizedDescription)")
    }
    do throws(ReplayError) { return DemoData(path: path, day: try ReplayFile(bytes).day(date)) } catch {
      throw NodeFailure("\(path): \(error)")
    }
  }

  private static let example = "Examples/sf-fire-dispatch/calls.csv"

  /// In the working directory, or in a folder at or above the executable's: where the source is, or a package put it.
  private static func found() throws -> String {
    var places = [example]
    var folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    while folder.path.count > 1 {
      places += [folder.path + "/" + example, folder.path + "/share/trunkline/calls.csv"]
      folder.deleteLastPathComponent()
    }
    guard let place = places.first(where: { FileManager.default.isReadableFile(atPath: $0) }) else {
      throw NodeFailure(
        "the recorded day that comes with the source (\(example)) is neither below the working directory nor beside the program: "
          + "run it in the source's folder, or name a file with --data FILE")
    }
    return place
  }

  var headline: String {
    let what = day.source == .callCentre ? "A day of calls at a bank" : "A day of fire dispatch in San Francisco"
    let who = day.source == .callCentre ? "agents" : "units"
    let out = day.dirt.filter(\.key.isLeftOut).map(\.value).reduce(0, +)
    return "\(what), \(day.date): \(HumanText.count(day.tasks.count)) tasks, \(day.workers.count) \(who), \(day.skills.count) skills"
      + (out == 0 ? "" : " (\(out) rows of the file left out as unusable)")
  }
}
