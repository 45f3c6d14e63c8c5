/// A table in plain text with aligned columns.
package struct Table: Sendable {
  package enum Alignment: Sendable {
    case left
    case right
  }

  private let titles: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// Columns by title; numbers read best to the right.
  package init(_ columns: [(title: String, alignment: Alignment)]) {
    titles = columns.map(\.title)
    alignments = columns.map(\.alignment)
  }

  /// Adds a row: missing cells are empty, surplus ones are left out. Control characters are shown as spaces.
  package mutating func add(_ cells: [String]) {
    let kept = cells.prefix(titles.count).map(Self.printable)
    rows.append(kept + repeatElement("", count: titles.count - kept.count))
  }

  /// The table, a line for each row, with a line under the titles. A column's width counts characters, so wide ones (CJK) come out uneven.
  package func render() -> String {
    let widths = titles.indices.map { column in
      max(titles[column].count, rows.map { $0[column].count }.max() ?? 0)
    }
    let rule = widths.map { String(repeating: "-", count: $0) }
    return ([titles, rule] + rows).map { line($0, widths) + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var text = ""
    for (column, cell) in cells.enumerated() {
      if column > 0 { text += "  " }
      let space = String(repeating: " ", count: widths[column] - cell.count)
      text += alignments[column] == .left ? cell + space : space + cell
    }
    while text.last == " " { text.removeLast() }
    return text
  }

  /// The text with control characters as spaces, so that a name cannot draw on the terminal.
  package static func printable(_ cell: String) -> String {
    String(String.UnicodeScalarView(cell.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
  }
}
