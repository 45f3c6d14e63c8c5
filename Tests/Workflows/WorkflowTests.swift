import Expressions
import JSON
import Testing
import Workflows

func workflow(_ text: String) throws -> WorkflowDocument { try WorkflowDocument(parsing: Array(text.utf8)) }

func message(_ text: String) -> String? {
  do throws(WorkflowError) { _ = try WorkflowDocument(parsing: Array(text.utf8)) } catch { return error.description }
  return nil
}

let queueA = "WQ" + String(repeating: "a", count: 32)
let queueB = "WQ" + String(repeating: "b", count: 32)

@Suite struct WorkflowDocuments {
  @Test func everyKeyIsRead() throws {
    let document = try workflow(
      """
      {"task_routing": {"other": 1,
        "filters": [
          {"filter_friendly_name": "Sales", "friendly_name": "alias", "expression": "type == 'sales'", "targets": [
            {"queue": "\(queueA)", "expression": "task.language IN worker.languages", "priority": "10", "timeout": 30, "order_by": "worker.level DESC"},
            {"timeout": "60", "skip_if": "workers.available == 0"},
            {"queue": "\(queueB)", "known_worker_sid": "task.agent_sid", "unknown": []},
            {"known_worker_friendly_name": "task.agents[0].name", "expression": null, "priority": null}]},
          {"friendly_name": "Support", "expression": "1==1", "targets": [{"queue": "\(queueA)"}]}],
        "default_filter": {"queue": "\(queueB)", "priority": 3}}}
      """)
    #expect(document.filters.map(\.name) == ["Sales", "Support"])
    #expect(document.queueSids == [queueA, queueB])
    #expect(document.defaultFilter?.queue == queueB)
    #expect(document.defaultFilter?.priority == 3)
    let targets = document.filters[0].targets
    // The queue is inherited, nothing else is.
    #expect(targets.map(\.queue) == [queueA, queueA, queueB, queueB])
    #expect(targets.map(\.priority) == [10, nil, nil, nil])
    #expect(targets.map(\.timeout) == [30, 60, nil, nil])
    #expect(targets.map { $0.expression != nil } == [true, false, false, false])
    #expect(targets.map { $0.orderBy != nil } == [true, false, false, false])
    #expect(targets.map { $0.skipIf != nil } == [false, true, false, false])
    #expect(targets.map { $0.knownWorker?.kind } == [nil, nil, .sid, .friendlyName])
  }

  @Test func aDefaultAloneIsEnough() throws {
    for filters in ["", "\"filters\":[],", "\"filters\":null,"] {
      let document = try workflow("{\"task_routing\":{\(filters)\"default_filter\":{\"queue\":\"\(queueA)\"}}}")
      #expect(document.filters.isEmpty)
      #expect(document.queueSids == [queueA])
    }
    #expect(try workflow(one("\"queue\":\"\(queueA)\"")).defaultFilter == nil)
  }

  @Test(
    arguments: [
      (#"{"agent":"Alice"}"#, "Alice"), (#"{"agent":null}"#, nil), ("{}", nil), (#"{"agent":7}"#, nil), (#"{"agent":""}"#, nil),
    ] as [(String, String?)]) func knownWorkers(_ attributes: String, _ worker: String?) throws
  {
    let target = try workflow(one("\"queue\":\"\(queueA)\",\"known_worker_friendly_name\":\"task.agent\"")).filters[0].targets[0]
    #expect(target.knownWorker?.resolve(in: JSONDocument.read(Array(attributes.utf8))) == worker)
  }

  static let first = "task_routing.filters[0].targets[0]"
  static let refusals: [(String, String)] = [
    ("", "not valid JSON: byte 0 (line 1, column 1): expected a value, found the end"),
    ("{\"task_routing\":{\"filters\":[]}}", "task_routing: needs at least one filter or a default_filter"),
    ("{\"task_routing\":{}}", "task_routing: needs at least one filter or a default_filter"),
    ("{\"filters\":[]}", "task_routing: is required"),
    ("{}", "task_routing: is required"),
    ("[]", "must be an object"),
    ("{\"task_routing\":[]}", "task_routing: must be an object"),
    ("{\"task_routing\":{\"filters\":{}}}", "task_routing.filters: must be an array"),
    ("{\"task_routing\":{\"filters\":[1]}}", "task_routing.filters[0]: must be an object"),
    ("{\"task_routing\":{\"filters\":[{\"targets\":[]}]}}", "task_routing.filters[0].expression: is required"),
    ("{\"task_routing\":{\"filters\":[{\"expression\":\"1==1\"}]}}", "task_routing.filters[0].targets: is required"),
    ("{\"task_routing\":{\"filters\":[{\"expression\":\"1==1\",\"targets\":[]}]}}", "task_routing.filters[0].targets: must not be empty"),
    ("{\"task_routing\":{\"filters\":[{\"expression\":1,\"targets\":[]}]}}", "task_routing.filters[0].expression: must be a string"),
    (
      "{\"task_routing\":{\"filters\":[{\"expression\":\"a == \",\"targets\":[]}]}}",
      "task_routing.filters[0].expression: at character 6: expected a name, a literal or an array, found the end"
    ),
    (
      "{\"task_routing\":{\"filters\":[{\"expression\":\"\",\"targets\":[]}]}}",
      "task_routing.filters[0].expression: at character 1: expected a comparison or `(`, found the end"
    ),
    (
      "{\"task_routing\":{\"filters\":[{\"filter_friendly_name\":1,\"expression\":\"1==1\",\"targets\":[]}]}}",
      "task_routing.filters[0].filter_friendly_name: must be a string"
    ),
    (one("\"priority\":1"), "\(first).queue: is required on the first target of a filter"),
    (one("\"queue\":\"\""), "\(first).queue: must be the SID of a task queue; received an empty string"),
    (one("\"queue\":7"), "\(first).queue: must be a string"),
    (queued("\"timeout\":0"), "\(first).timeout: must be an integer from 1 to 2147483647; received 0"),
    (queued("\"timeout\":-5"), "\(first).timeout: must be an integer from 1 to 2147483647; received -5"),
    (queued("\"timeout\":\"x\""), "\(first).timeout: must be an integer from 1 to 2147483647; received \"x\""),
    (queued("\"timeout\":1.5"), "\(first).timeout: must be an integer from 1 to 2147483647"),
    (queued("\"priority\":-1"), "\(first).priority: must be an integer from 0 to 2147483647; received -1"),
    (queued("\"priority\":2147483648"), "\(first).priority: must be an integer from 0 to 2147483647; received 2147483648"),
    (queued("\"priority\":[]"), "\(first).priority: must be an integer from 0 to 2147483647"),
    (
      queued("\"expression\":\"skill == 1\""),
      "\(first).expression: at character 1: expected a name that begins with `task.` or `worker.`, found `skill`"
    ),
    (queued("\"order_by\":\"worker.level\""), "\(first).order_by: at character 13: expected ASC or DESC, found the end"),
    (queued("\"skip_if\":\"workers.available\""), "\(first).skip_if: at character 18: expected one of == != > >= < <=, found the end"),
    (
      queued("\"known_worker_sid\":\"task.a\",\"known_worker_friendly_name\":\"task.b\""),
      "\(first).known_worker_friendly_name: must not stand beside known_worker_sid"
    ),
    (
      queued("\"known_worker_sid\":\"WK123\""),
      "\(first).known_worker_sid: must be a path into the task's attributes such as task.agent_sid; received \"WK123\""
    ),
    (
      "{\"task_routing\":{\"default_filter\":{\"queue\":\"Q\",\"timeout\":5}}}",
      "task_routing.default_filter.timeout: is not allowed: a task in the default filter waits until its own timeout"
    ),
    ("{\"task_routing\":{\"default_filter\":{}}}", "task_routing.default_filter.queue: is required"),
    ("{\"task_routing\":{\"default_filter\":1}}", "task_routing.default_filter: must be an object"),
    (
      "{\"task_routing\":1,\"task_routing\":2}",
      "not valid JSON: byte 18 (line 1, column 19): the key \"task_routing\" stands twice in one object"
    ),
  ]

  @Test(arguments: refusals) func refusalsNameThePlace(_ text: String, _ wanted: String) { #expect(message(text) == wanted) }

  @Test func sizeIsLimited() throws {
    let small = queued("\"timeout\":1")
    let fit = small + String(repeating: " ", count: WorkflowDocument.sizeLimit - small.utf8.count)
    #expect(message(fit) == nil)
    #expect(message(fit + " ") == "the configuration must not be larger than 1038576 bytes; received 1038577")
  }

  @Test func placesCountFromZero() {
    let filter = "{\"expression\":\"1==1\",\"targets\":[{\"queue\":\"Q\"},{\"expression\":\"1=\"}]}"
    let text = "{\"task_routing\":{\"filters\":[{\"expression\":\"1==1\",\"targets\":[{\"queue\":\"Q\"}]},\(filter)]}}"
    #expect(message(text)?.hasPrefix("task_routing.filters[1].targets[1].expression: at character 3: ") == true)
  }
}

func one(_ target: String) -> String { "{\"task_routing\":{\"filters\":[{\"expression\":\"1==1\",\"targets\":[{\(target)}]}]}}" }
func queued(_ rest: String) -> String { one("\"queue\":\"\(queueA)\",\(rest)") }
