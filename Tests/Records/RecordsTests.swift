import Records
import Resources
import Testing

private func chunks(_ bytes: [UInt8], _ sizes: () -> Int) -> [[UInt8]] {
  var chunks: [[UInt8]] = []
  var start = 0
  while start < bytes.count {
    let end = min(bytes.count, start + max(1, sizes()))
    chunks.append(Array(bytes[start..<end]))
    start = end
  }
  return chunks
}

@Suite struct LineReaderTests {
  private func read(_ text: String, limit: Int = 10, chunk: () -> Int = { 1 }) -> [String] {
    var reader = LineReader(limit: limit)
    var seen: [String] = []
    let sink = { (result: LineReader.Result) in
      switch result {
      case .success(let line): seen.append("\(line.number):\(String(decoding: line.bytes, as: UTF8.self))")
      case .failure(let error): seen.append("\(error.line)!")
      }
    }
    for piece in chunks(Array(text.utf8), chunk) { reader.push(piece, sink) }
    reader.finish(sink)
    return seen
  }

  @Test(arguments: [1, 2, 3, 1_000]) func cutsLines(chunk: Int) {
    #expect(read("a\nb\r\n\n  \r\nc", chunk: { chunk }) == ["1:a", "2:b", "5:c"])
    #expect(read("", chunk: { chunk }).isEmpty)
    #expect(read("\n\n", chunk: { chunk }).isEmpty)
    #expect(read("a\r", chunk: { chunk }) == ["1:a"])
    #expect(read("a\rb\n", chunk: { chunk }) == ["1:a\rb"])
    #expect(read("\u{feff}a\n", chunk: { chunk }) == ["1:a"])
  }

  @Test(arguments: [1, 5, 1_000]) func skipsLinesOverTheLimitAndGoesOn(chunk: Int) {
    #expect(
      read("0123456789\n0123456789\r\n0123456789x\nok\n" + String(repeating: "y", count: 500) + "\r\nok", chunk: { chunk })
        == ["1:0123456789", "2:0123456789", "3!", "4:ok", "5!", "6:ok"])
    #expect(read(String(repeating: "y", count: 500), chunk: { chunk }) == ["1!"])
  }

  @Test func anyChunkingGivesTheSame() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<300 {
      let text = String((0..<Int.random(in: 0...60, using: &random)).map { _ in "ab \r\n\n".randomElement(using: &random) ?? "a" })
      let whole = read(text, limit: 6, chunk: { 1_000 })
      #expect(read(text, limit: 6, chunk: { 1 }) == whole)
      #expect(read(text, limit: 6, chunk: { Int.random(in: 1...7, using: &random) }) == whole)
    }
  }
}

@Suite struct CSVReaderTests {
  private func read(_ text: String, limit: Int = 1_000, chunk: () -> Int = { 1 }) -> [String] {
    var reader = CSVReader(limit: limit)
    var seen: [String] = []
    let sink = { (result: CSVReader.Result) in
      switch result {
      case .success(let record):
        seen.append("\(record.line):" + record.cells.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "|"))
      case .failure(let error): seen.append(error.description)
      }
    }
    for piece in chunks(Array(text.utf8), chunk) { reader.push(piece, sink) }
    reader.finish(sink)
    return seen
  }

  @Test(arguments: [1, 2, 3, 1_000]) func readsRecords(chunk: Int) {
    let text = "\u{feff}\"a\", b ,c\r\n1,2,3\r\n\n\"x, \"\"y\"\"\",\"two\nlines\",\n,,\"\"\nlast,l,l"
    #expect(read(text, chunk: { chunk }) == ["2:1|2|3", "4:x, \"y\"|two\nlines|", "6:||", "7:last|l|l"])
  }

  @Test func givesCellsByName() throws {
    var reader = CSVReader()
    var found: [UInt8]?
    reader.push(Array("workflow_sid,attributes\nWW1,\"{\"\"a\"\":1}\"\n".utf8)) { result in
      found = try? result.get()["attributes"]
    }
    #expect(found == Array("{\"a\":1}".utf8))
    #expect(reader.header?.names == ["workflow_sid", "attributes"])
  }

  @Test(arguments: [1, 4, 1_000]) func aBrokenRecordCostsOnlyItself(chunk: Int) {
    let cells = "the header has 2 cells, this record has"
    #expect(read("a,b\n1\n1,2,3\n1,2\n", chunk: { chunk }) == ["line 2: \(cells) 1", "line 3: \(cells) 3", "4:1|2"])
    let quoted = read("a,b\n\"x\" y,2\nx\"y,2\n1,2", chunk: { chunk })
    #expect(quoted.count == 3)
    #expect(quoted[0].hasPrefix("line 2: a comma or the end of the record"))
    #expect(quoted[1].hasPrefix("line 3: a quote stands within a cell"))
    #expect(quoted[2] == "4:1|2")
  }

  @Test(arguments: [1, 4, 1_000]) func aForgottenQuoteCostsOneLine(chunk: Int) {
    #expect(read("a,b\n\"1,2\n3,4\n5,6", chunk: { chunk }) == ["line 2: a quote is opened and not closed", "3:3|4", "4:5|6"])
  }

  @Test(arguments: [1, 4, 1_000]) func linesWithinALongQuoteAreNoRecords(chunk: Int) {
    // Given a quoted cell over the limit, with lines in it that would be records alone
    let rows = (0..<100).map { "\($0),x" }.joined(separator: "\n")
    // Then it is one error, on its first line, and the reader goes on behind the quote
    #expect(
      read("a,b\n\"1,2\n\(rows)\",z\n3,4\n", limit: 40, chunk: { chunk }) == [
        "line 2: a record has at most 40 bytes, this one is longer", "103:3|4",
      ])
    #expect(
      read("a,b\nlong\(rows.filter { $0 != "\n" && $0 != "," }),\"x\ny\"\n3,4\n", limit: 40, chunk: { chunk })
        == ["line 2: a record has at most 40 bytes, this one is longer", "4:3|4"])
    // Where no quote follows, nobody can tell which it was.
    let seen = read("a,b\n\"1,2\n\(rows)", limit: 40, chunk: { chunk })
    #expect(seen.count == 1)
    #expect(seen.first?.hasPrefix("line 2: a quote is opened and not closed; it takes all the rest") == true)
  }

  @Test(arguments: [1, 7, 1_000]) func skipsRecordsOverTheLimit(chunk: Int) {
    let long = String(repeating: "x", count: 50)
    #expect(
      read("a,b\n\(long),1\n1,2\n\"\(long)\",3\n3,4\n", limit: 20, chunk: { chunk })
        == [
          "line 2: a record has at most 20 bytes, this one is longer", "3:1|2", "line 4: a record has at most 20 bytes, this one is longer",
          "5:3|4",
        ])
    #expect(read("a,b\n" + String(repeating: "y", count: 18) + ",1\r\n", limit: 20, chunk: { chunk }) == ["2:yyyyyyyyyyyyyyyyyy|1"])
  }

  @Test(arguments: [
    ("a,a\n1,2", "line 1: the header has the name \"a\" twice"), ("a,\n1,2", "line 1: the header has an empty name in cell 2"),
    ("\"a\n1\n2", "line 1: a quote is opened and not closed"),
  ])
  func aBadHeaderEndsTheFile(text: String, message: String) {
    #expect(read(text) == [message])
  }

  @Test func anyChunkingGivesTheSame() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<1_000 {
      let body = String(
        (0..<Int.random(in: 0...80, using: &random)).map { _ in
          "ab,\"\"\n\r".unicodeScalars.randomElement(using: &random).map(Character.init) ?? "a"
        })
      let text = "a,b\n" + body
      let whole = read(text, limit: 12, chunk: { 1_000 })
      #expect(read(text, limit: 12, chunk: { 1 }) == whole)
      #expect(read(text, limit: 12, chunk: { Int.random(in: 1...7, using: &random) }) == whole)
    }
  }

  @Test func hostileQuotesCostNoMoreThanTheirBudget() {
    // Given lines that each leave a quote open, whatever stood before them, when the file ends
    let text = "a,b\n" + String(repeating: "x\",\"\n", count: 13_000)
    // Then few of them are read again before the rest is given up
    #expect(read(text, limit: 65_536, chunk: { 65_536 }).count < 50)
  }
}
