import Forms
import JSON
import Ports
import Resources

/// What a customer's server said to an assignment (taskrouter.md 8.2, 8.3), with the alert codes of 1.8.
enum AssignmentReply {
  enum Instruction: Sendable, Equatable {
    case accept
    case reject(Identifier?)
  }
  case instruction(Instruction)
  case nothing
  /// 200, but not understood: the offer stays open.
  case alert(Int, String)
  /// Not 200: the fallback's turn.
  case failed(String)

  static func read(_ reply: OutboundReply) -> AssignmentReply {
    guard reply.status == 200 else { return .failed("status \(reply.status)") }
    guard reply.body.contains(where: { $0 > 32 }) else { return .nothing }
    guard reply.contentType.lowercased().hasPrefix("application/json") else {
      return .alert(40000, "Content-Type is '\(reply.contentType)'")
    }
    guard let document = try? JSONDocument(parsing: reply.body), document.isObject else {
      return .alert(40001, "the body is not a JSON object")
    }
    guard let name = document.root[key: "instruction"]?.string else {
      return document.root.count == 0 ? .nothing : .alert(40005, "the object has no instruction")
    }
    return instruction(name, document)
  }

  private static func instruction(_ name: String, _ document: JSONDocument) -> AssignmentReply {
    func isTrue(_ key: String) -> Bool { document.root[key: key]?.bool == true || document.root[key: key]?.string == "true" }
    switch name {
    case "accept": return .instruction(.accept)
    case "reject":
      guard let text = document.root[key: "activity_sid"]?.string else { return .instruction(.reject(nil)) }
      guard let activity = SIDKind.activity.parse(text) else { return .alert(40100, "activity_sid '\(text)' is no activity SID") }
      return .instruction(.reject(activity))
    case "call" where isTrue("accept"), "redirect" where isTrue("accept"): return .instruction(.accept)
    case "call": return .alert(40113, "instruction 'call' needs telephony, which this server does not have yet")
    case "redirect": return .alert(40122, "instruction 'redirect' needs telephony, which this server does not have yet")
    case "dequeue": return .alert(40133, "instruction 'dequeue' needs telephony, which this server does not have yet")
    case "conference": return .alert(40145, "instruction 'conference' needs telephony, which this server does not have yet")
    default: return .alert(55555, "unknown instruction '\(name)'")
    }
  }
}

/// What `X-Twilio-Signature` is computed over: the URL, then each parameter sorted by name, name and value (taskrouter.md 9.5).
enum TwilioSignature {
  static func message(url: String, form: String) -> String {
    var byName: [String: Set<String>] = [:]
    for field in (try? Form(parsing: Array(form.utf8)))?.fields ?? [] { byName[field.name, default: []].insert(field.value) }
    return byName.sorted { $0.key < $1.key }.reduce(requested(url)) { text, pair in
      pair.value.sorted().reduce(text) { $0 + pair.key + $1 }
    }
  }

  /// The URL as it is requested, which is what the receiver checks (voice.md 2.3): no fragment, no user-info, the scheme in small letters, and the path that every request has
  /// (RFC 9112 section 3.2.1). All else as configured, dot segments and escapes included: the client sends them so.
  static func requested(_ url: String) -> String {
    let whole = url.prefix { $0 != "#" }
    guard let colon = whole.firstIndex(of: ":"), whole[colon...].hasPrefix("://") else { return String(whole) }
    let rest = whole[colon...].dropFirst(3)
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    let tail = rest[authority.endIndex...]
    return "\(whole[..<colon].lowercased())://\(host)\(tail.hasPrefix("/") ? "" : "/")\(tail)"
  }
}
