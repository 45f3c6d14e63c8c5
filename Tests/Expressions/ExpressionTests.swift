import Expressions
import JSON
import Testing

private let task = json(
  #"""
  {"type":"sales","Type":"other","n":5,"d":5.0,"half":2.5,"big":9007199254740993,"huge":18446744073709551615,"yes":true,"no":false,"nothing":null,
   "list":["en","de",7,true,null,["x"],{}],"empty":[],"obj":{"a":{"b":[10,{"c":"deep"}]}},"text":"voice and chat","quote":"it's \"so\"","null":"odd",
   "in":"word","_a":1,"$b":2,"größe":3,"task":{"x":"inner"},"blank":""}
  """#)

@Suite struct Evaluating {
  static let operators: [(String, Bool)] = [
    // Equality of scalars
    ("type == 'sales'", true), ("type = 'sales'", true), (#"type == "sales""#, true), ("type == 'Sales'", false), ("type != 'x'", true),
    ("type != 'sales'", false), ("'sales' == type", true), ("n == 5", true), ("n == 5.0", true), ("n == d", true), ("n != 5", false),
    ("half == 2.5", true),
    ("yes == true", true), ("yes == TRUE", true), ("no == false", true), ("yes != no", true), ("blank == ''", true), ("n == -5", false),
    ("-1 < 0", true),
    ("-1.5 == -1.5", true), ("big == 9007199254740993", true), ("big == 9007199254740992", false), ("big == 9007199254740992.0", false),
    ("big > 9007199254740992.0", true), ("huge == 18446744073709551615", true), ("huge > 9223372036854775807", true),
    ("huge == huge", true),
    // NULL
    ("nothing == null", true), ("missing == null", true), ("missing == nothing", true), ("missing == NULL", true), ("type != null", true),
    ("type == null", false), ("missing != true", true), ("missing != 'x'", true), ("missing == false", false), ("missing != null", false),
    ("missing < 1", false), ("missing > 1", false), ("missing >= null", false), ("null <= null", false), ("1 > null", false),
    ("obj.a.x == null", true),
    // Ordering
    ("n > 4", true), ("n > 5", false), ("n >= 5", true), ("n < 6", true), ("n <= 5", true), ("n <= 4.9", false), ("half < 3", true),
    ("3 > half", true),
    ("2 < half", true), ("'a' < 'b'", true), ("'b' < 'a'", false), ("'a' <= 'a'", true), ("'ab' > 'a'", true), ("'B' < 'a'", true),
    ("'é' > 'z'", true),
    ("type >= 'sales'", true), ("yes > no", false), ("yes >= yes", false),
    // Mixed types
    ("n == '5'", false), ("n != '5'", true), ("n < '6'", false), ("'5' > 4", false), ("yes == 1", false), ("yes != 1", true),
    ("yes == 'true'", false),
    ("1 == true", false),
    // CONTAINS
    ("text CONTAINS 'and'", true), ("text CONTAINS 'And'", false), ("text contains ''", true), ("'x' CONTAINS text", false),
    ("n CONTAINS 5", false),
    ("text CONTAINS 1", false), ("missing CONTAINS 'a'", false), ("text CONTAINS missing", false), ("'abc' CONTAINS 'abcd'", false),
    // HAS
    ("list HAS 'en'", true), ("list has 'fr'", false), ("list HAS 7", true), ("list HAS 7.0", true), ("list HAS true", true),
    ("list HAS '7'", false),
    ("list HAS null", false), ("list HAS missing", false), ("empty HAS 1", false), ("['a', 'b'] HAS 'b'", true),
    ("[type] HAS 'sales'", true),
    ("[1, 2.5, n] HAS half", true), ("list HAS obj", false), ("missing HAS 1", false),
    // IN, NOT IN
    ("'en' IN list", true), ("'fr' in list", false), ("type IN ['sales', 'support']", true), ("type In ['Sales']", false),
    ("n IN [1, 5]", true),
    ("n IN []", false), ("null IN [null]", false), ("missing IN [1]", false), ("obj IN [1]", false), ("'fr' NOT IN list", true),
    ("'en' NOT IN list", false),
    ("type not in ['x']", true), ("n NOT IN []", true), ("missing NOT IN list", false), ("missing NOT IN []", false),
    ("null NOT IN [1]", false),
    ("n NOT   IN [5]", false),
    // Scalar operators with arrays, array operators without
    ("list == list", false), ("list != list", false), ("list != 'x'", false), ("list == null", false), ("list != null", false),
    ("[1] == [1]", false),
    ("list < 1", false), ("list CONTAINS 'en'", false), ("'x' CONTAINS list", false), ("type HAS 'sales'", false),
    ("type IN 'sales'", false),
    ("type NOT IN 'x'", false), ("type NOT IN missing", false), ("list IN list", false), ("list NOT IN list", false),
    ("list HAS list", false),
    ("['x'] IN list", false), ("[[1]] HAS 1", false),
    // Objects are opaque
    ("obj == obj", false), ("obj != null", true), ("obj == null", false), ("obj < 1", false), ("obj HAS 'a'", false), ("'a' IN obj", false),
    // Paths
    ("obj.a.b[0] == 10", true), ("obj.a.b[1].c == 'deep'", true), ("obj.a.b[2] == null", true), ("list[0] == 'en'", true),
    ("type[0] == null", true),
    ("_a == 1", true), ("$b == 2", true), ("größe == 3", true), ("task.type == 'sales'", true), ("task.in == 'word'", true),
    ("task.null == 'odd'", true),
    ("task.task.x == 'inner'", true), ("task.x == null", true), ("obj . a . b [ 0 ] == 10", true), ("Type == 'other'", true),
    // Strings
    (#"quote == 'it\'s "so"'"#, true), (#"quote == "it's \"so\"""#, true), (#"'\u0041\n' == "A\n""#, true),
    (#"'\uD83D\uDE00' == '😀'"#, true), (#"'\\' == '\/'"#, false),
    // Connectives
    ("1==1", true), ("1==0", false), ("1==1 AND 1==0", false), ("1==0 OR 1==1", true), ("1==1 or 1==1 and 1==0", true),
    ("(1==1 OR 1==1) AND 1==0", false),
    ("1==0 AND 1==0 OR 1==1", true), ("1==0 AND (1==0 OR 1==1)", false), ("((1==1))", true), ("1==1 AND 1==1 AND 1==0", false),
    ("1==0 OR 1==0 OR 1==1", true),
    ("(type == 'sales' AND n > 1) OR (type == 'x')", true), ("type=='sales'AND(n>4)", true), ("\ttype\n==\r\n'sales' ", true),
  ]

  @Test(arguments: operators) func tableOfTheLanguage(_ text: String, _ result: Bool) throws {
    #expect(try Expression(parsing: text, as: .taskFilter).evaluate(task: task) == result)
  }

  @Test(arguments: [
    ("worker.sid == '\(Worker().sid)'", true), ("worker.friendly_name == 'Alice'", true), ("worker.friendly_name CONTAINS 'lic'", true),
    ("worker.friendly_name < 'Bob'", true), ("worker.activity_name != 'Busy'", true), ("worker.activity_name IN ['Idle']", true),
    ("['Idle'] HAS worker.activity_name", true), ("worker.activity_name == worker.activity_name", true),
    ("worker.activity_sid == '\(Worker().activitySid)'", true),
    ("worker.activity_name == 'shadow'", false), ("worker.channel.voice.configured_capacity == 3", true),
    ("worker.channel.voice.assigned_tasks < 2", true),
    ("worker.channel.voice.available_capacity_percentage == 33", true), ("worker.channel.chat.assigned_tasks == null", true),
    ("worker.channel.voice.other == 'attribute'", true), ("worker.channel.voice == null", false), ("worker.level > 3", true),
    ("worker.languages HAS task.language", true), ("task.language IN worker.languages", true),
    ("task.language NOT IN worker.languages", false),
    ("task.missing IN worker.languages", false), ("worker.waiting != true", true), ("worker.friendly_name[0] == null", true),
  ]) func tasksAndWorkers(_ text: String, _ result: Bool) throws {
    let worker = Worker(
      #"{"activity_name":"shadow","channel":{"voice":{"assigned_tasks":99,"other":"attribute"}},"level":4,"languages":["en","de"]}"#)
    let expression = try Expression(parsing: text, as: .target)
    #expect(expression.evaluate(task: json(#"{"language":"de"}"#), worker: worker) == result)
  }

  @Test(arguments: [
    ("level > 3", true), ("worker.level > 3", true), ("friendly_name == 'Alice'", true), ("sid == 'x'", false),
    ("activity_name == 'Idle'", true),
    ("activity_sid == '\(Worker().activitySid)'", true), ("channel.voice.assigned_tasks == 1", true), ("worker == 'w'", true),
    ("task.x == 1", true), ("", false), ("  ", false),
  ]) func bareNamesOfQueuesAreTheWorkers(_ text: String, _ result: Bool) throws {
    let worker = Worker(#"{"level":4,"worker":"w","task":{"x":1},"friendly_name":"no"}"#)
    #expect(try Expression(parsing: text, as: .workerTarget).evaluate(task: nil, worker: worker) == result)
  }

  @Test func withoutAWorkerOrATaskEverythingIsNull() throws {
    let expression = try Expression(
      parsing: "worker.sid == null AND worker.x == null AND worker.channel.voice.assigned_tasks == null", as: .target)
    #expect(expression.evaluate(task: json("{}")))
    #expect(try Expression(parsing: "type == null", as: .taskFilter).evaluate(task: nil))
  }

  @Test func whatItReadsIsKnown() throws {
    func facts(_ text: String) throws -> [Bool] {
      let e = try Expression(parsing: text, as: .workerTarget)
      return [e.matchesNobody, e.isConstantTrue, e.readsWorkerActivity, e.readsWorkerChannels]
    }
    #expect(try facts("") == [true, false, false, false])
    #expect(try facts("1==1") == [false, true, false, false])
    #expect(try facts("1 == 1 OR 1 == 0") == [false, true, false, false])
    #expect(try facts("1==0") == [false, false, false, false])
    #expect(try facts("1==1 OR level > 2") == [false, false, false, false])
    #expect(try facts("activity_name == 'x'") == [false, false, true, false])
    #expect(try facts("1 IN [worker.activity_sid]") == [false, false, true, false])
    #expect(try facts("worker.channel.voice.assigned_tasks > 0") == [false, false, false, true])
  }

  @Test func longChainsNeitherRecurseNorSlowDown() throws {
    let chain = Array(repeating: "n == 4", count: 4000).joined(separator: " OR ")
    #expect(try !Expression(parsing: chain, as: .taskFilter).evaluate(task: task))
    #expect(try Expression(parsing: chain + " OR n == 5", as: .taskFilter).evaluate(task: task))
  }
}

@Suite struct Refusing {
  @Test(arguments: [
    "a", "on_shift", "a ==", "== 1", "a == 1 AND", "a == 1 b == 2", "AND", "(a == 1", "a == 1)", "()", "a === 1", "a <> 1", "a ! 1",
    "a & b", "a == 'x", "a == \"x'",
    "a == 1.", "a == .5", "a == 1.2.3", "a == 1x", "a-b == 1", "a == 1e5", "not a == 1", "NOT (a == 1)", "a NOT 1", "a NOT HAS 1", "a IN",
    "a IN [", "a IN [1", "a IN [1,]",
    "a IN [,1]", "a IN [1 2]", "a. == 1", ".a == 1", "a..b == 1", "a[] == 1", "a[x] == 1", "a[-1] == 1", "a[1.0] == 1", "a[0 == 1",
    "a.1 == 1", "a + 1 == 2",
    "f(a) == 1", "a == 1 OR OR b == 2", "in == 1", "has == 1", "a == AND", "a == 1; b", "a == '\\q'", "a == '\\u12'", "a == '\\uD800'",
    "a == -", "a == - 1", "", " ",
    "a == 1 a", "1 == 1 1", "#", "a == 'x' 'y'", "[1]", "(1) == 1",
  ]) func noExpressions(_ text: String) throws {
    let error = try #require(compile(text, as: .taskFilter))
    #expect(error.offset <= text.unicodeScalars.count)
  }

  @Test(arguments: [
    ("type == ", "at character 9: expected a name, a literal or an array, found the end"),
    ("on_shift", "at character 9: expected an operator (== != > >= < <= CONTAINS HAS IN NOT IN), found the end"),
    ("a == 1 b", "at character 8: expected AND, OR or the end, found `b`"),
    ("(a == 1", "at character 8: expected AND, OR or `)`, found the end"),
    ("a == 'x", "at character 8: expected `'` to end the string that begins at character 6, found the end"),
    ("größe ? 1", "at character 7: expected a name, a literal or an operator, found `?`"),
    ("a ! 1", "at character 4: expected `=` after `!`, found ` `"),
    ("a NOT 1", "at character 7: expected IN after NOT, found `1`"),
    (#"a == '\q'"#, #"at character 7: expected one of \\ \' \" \/ \n \t \r \b \f \uXXXX, found `\`"#),
    ("a[x] == 1", "at character 3: expected the place of an element, from 0 on, found `x`"),
  ]) func messages(_ text: String, _ message: String) { #expect(compile(text, as: .taskFilter)?.description == message) }

  @Test(arguments: ["type == 1", "worker == 1", "task == 1", "task[0] == 1", "workers.available == 1", "x.task.y == 1", "task.a == b"])
  func targetsNeedPrefixes(_ text: String) throws {
    let error = try #require(compile(text, as: .target))
    #expect(error.expected == "a name that begins with `task.` or `worker.`")
  }

  @Test func onlyQueuesMayBeEmpty() {
    #expect(compile("", as: .workerTarget) == nil)
    #expect(compile("", as: .taskFilter) != nil)
    #expect(compile("", as: .target) != nil)
  }

  @Test func depthAndSizeAreLimited() throws {
    func nested(_ depth: Int) -> String { String(repeating: "(", count: depth) + "1==1" + String(repeating: ")", count: depth) }
    func lists(_ depth: Int) -> String { "1 IN " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(compile(nested(100), as: .taskFilter) == nil)
    #expect(compile(nested(101), as: .taskFilter)?.offset == 100)
    #expect(compile(nested(20_000), as: .taskFilter)?.expected == "at most 100 levels of parentheses and brackets")
    #expect(compile(lists(100), as: .taskFilter) == nil)
    #expect(compile(lists(101), as: .taskFilter) != nil)
    let spaces = String(repeating: " ", count: 65_536 - 4)
    #expect(compile("1==1" + spaces, as: .taskFilter) == nil)
    #expect(compile("1==1 " + spaces, as: .taskFilter)?.description == "at character 1: expected at most 65536 bytes, found 65537")
  }
}
