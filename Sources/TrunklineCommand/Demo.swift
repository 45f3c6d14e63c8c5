import APIClient
import DemoReplay
import EventLoops
import Foundation
import HTTPClient
import Observability
import Options
import Replay
import Report
import Trunkline

/// `trunkline demo`: a node of its own in this process, a recorded day through its public API, and the proof of what became of it.
enum Demo {
  static func run(_ options: Options) async throws {
    let data = try DemoData.load(options)
    let settings = try DemoSettings(options)
    try makeFolder(of: settings.report)
    DemoScreen.write("\(data.headline)\nfrom \(data.path)\n\n")
    let host = try DemoHost()
    let outcome: Outcome
    do {
      outcome = try await host.serve { try await replay(data.day, on: $0, settings) }
    } catch {
      host.remove()
      throw error
    }
    host.remove()
    DemoScreen.write("\n" + DemoTable.text(outcome, settings.seconds))
    let path = try write(outcome, to: settings.report)
    DemoScreen.write("\nReport: \(path)\n")
    if !outcome.isClean { exit(1) }
  }

  private static func replay(_ day: ReplayDay, on server: DemoServer, _ settings: DemoSettings) async throws -> Outcome {
    let (client, time) = (server.client, server.time)
    DemoScreen.write("Serving on \(client.base) with a temporary data folder; everything below goes through that address.\n")
    // Product time all but stands still, and is moved by the driver: what it measures does not depend on how fast this machine is.
    let now = try await Stage.moveClock(client, #"{"rate": 0.001}"#)
    let midnight = (now / 86_400_000 + 1) * 86_400_000
    let stage = try await Stage.build(client, day, name: "Replay of \(day.date)")
    DemoScreen.write("Workspace \(stage.workspace): \(day.skills.count) queues, \(stage.workers.count) workers, one workflow.\n\n")
    let api = HTTPWorkAPI(client: client, stage: stage, time: time)
    let inbox = EventInbox()
    let progress = DemoProgress(total: day.tasks.count)
    let engine = Replayer(
      day: day, workers: stage.workers, api: api, inbox: inbox, options: settings.replayer, time: time, midnight: midnight, productNow: now,
      report: { progress.show($0) })
    let feed = EventFeed(client: client, stage: stage, time: time)
    let log = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await feed.follow(inbox) }
      group.addTask {
        while !Task.isCancelled {
          await time.sleep(1000)
          inbox.ring()
        }
      }
      defer { group.cancelAll() }
      return try await engine.run()
    }
    progress.finish(log)
    let verification = try await Outcome.verify(client, stage, day, time: time)
    return Outcome(day: day, workers: stage.workers, midnight: midnight, log: log, verification: verification, requests: api.count)
  }

  /// Before the day begins: whoever waits a minute should not be told at its end that the report has no place.
  private static func makeFolder(of url: URL) throws {
    let folder = url.deletingLastPathComponent()
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      throw NodeFailure("--report: the folder \(folder.path) cannot be made: \(error.localizedDescription)")
    }
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue {
      throw NodeFailure("--report: \(url.path) is a folder; name a file")
    }
    guard FileManager.default.isWritableFile(atPath: folder.path) else {
      throw NodeFailure("--report: the folder \(folder.path) is not writable")
    }
  }

  private static func write(_ outcome: Outcome, to url: URL) throws -> String {
    let made = "Made \(Date().formatted(.iso8601)) by trunkline \(TrunklineCommand.version)"
    do {
      try Data(Report.html(outcome.result(madeAt: made)).utf8).write(to: url)
    } catch { throw NodeFailure("--report: \(url.path) cannot be written: \(error.localizedDescription)") }
    return url.path
  }
}

/// What the command line says about a run.
struct DemoSettings {
  let report: URL
  let seconds: Double
  var replayer = ReplayerOptions()

  init(_ options: Options) throws {
    report = URL(filePath: try options.value("report", .text)).absoluteURL.standardized
    seconds = Double(try options.value("seconds", .integer(in: 0...3600)))
    replayer.seconds = seconds
    // The rest of two minutes is for starting, for work that is still under way, and for the check at the end. Who asks for a slower day gets it.
    replayer.mostSeconds = max(90, seconds * 1.5)
  }
}
