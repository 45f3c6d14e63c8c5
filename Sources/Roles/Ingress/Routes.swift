import Forms
import Journal
import Ports
import Resources
import TaskRouting

/// From path and method to what is to be done. Literal segments come before SIDs (taskrouter.md 3.1).
extension Ingress {
  func route(_ call: Call) async throws(APIError) -> Answer {
    switch call.segments.first {
    case "v1" where call.segments.count >= 2 && call.segments[1] == "Workspaces": return try await routeWorkspaces(call)
    case "2010-04-01" where call.segments.count >= 2: return try await routeAccounts(call)
    default: throw .notFound(call.path)
    }
  }

  private func routeAccounts(_ call: Call) async throws(APIError) -> Answer {
    let segments = call.segments
    func bare(_ text: String) -> String { text.hasSuffix(".json") ? String(text.dropLast(5)) : text }
    if segments.count == 2, bare(segments[1]) == "Accounts" {
      switch call.method {
      case "GET": return try await listAccounts(call)
      case "POST": return try await createAccount(call)
      default: throw Ingress.methodNotAllowed(call)
      }
    }
    if segments.count == 4, segments[1] == "Accounts", bare(segments[3]) == "AuthToken" {
      guard call.method == "POST" else { throw Ingress.methodNotAllowed(call) }
      return try await rotateToken(segments[2], call)
    }
    guard segments.count == 3, segments[1] == "Accounts" else { throw .notFound(call.path) }
    switch call.method {
    case "GET": return try await fetchAccount(bare(segments[2]), call)
    case "POST": return try await updateAccount(bare(segments[2]), call)
    default: throw Ingress.methodNotAllowed(call)
    }
  }

  private func routeWorkspaces(_ call: Call) async throws(APIError) -> Answer {
    let segments = call.segments
    if segments.count == 2 {
      switch call.method {
      case "GET": return try await listWorkspaces(call)
      case "POST": return try await createWorkspace(call)
      default: throw Ingress.methodNotAllowed(call)
      }
    }
    guard let workspace = SIDKind.workspace.parse(segments[2]) else { throw .notFound(call.path) }
    if segments.count == 3 {
      switch call.method {
      case "GET": return try await fetch(DocumentKey(kind: Kind.workspace, id: workspace), workspace, call)
      case "POST": return try await updateWorkspace(workspace, call)
      case "DELETE": return try await deleteWorkspace(workspace, call)
      default: throw Ingress.methodNotAllowed(call)
      }
    }
    guard let resource = ResourceKind.called(segments[3]) else { throw .notFound(call.path) }
    switch segments.count {
    case 4:
      switch call.method {
      case "GET": return try await list(resource, workspace, call)
      case "POST": return try await create(resource, workspace, call)
      default: throw Ingress.methodNotAllowed(call)
      }
    case 5: return try await routeInstance(resource, segments[4], workspace, call)
    case 6, 7: return try await routeInside(resource, workspace, call)
    default: throw .notFound(call.path)
    }
  }

  private func routeInstance(_ resource: ResourceKind, _ text: String, _ workspace: Identifier, _ call: Call) async throws(APIError)
    -> Answer
  {
    var id = resource.sid.parse(text)
    var name: String?
    if id == nil, resource.kind == Kind.taskChannel {
      name = text
      id = call.method == "GET" ? try await channel(named: text, workspace, call).0 : Identifier.none
    }
    guard let id else { throw .notFound(call.path) }
    switch call.method {
    case "GET": return try await fetch(DocumentKey(kind: resource.kind, id: id), workspace, call)
    case "POST": return try await update(resource, id, named: name, workspace, call)
    case "DELETE": return try await delete(resource, id, named: name, workspace, call)
    default: throw Ingress.methodNotAllowed(call)
    }
  }

  /// Reservations of a task or worker, channels of a worker.
  private func routeInside(_ resource: ResourceKind, _ workspace: Identifier, _ call: Call) async throws(APIError) -> Answer {
    let segments = call.segments
    guard let owner = resource.sid.parse(segments[4]) else { throw .notFound(call.path) }
    let isMember = segments.count == 7
    switch (resource.kind, segments[5]) {
    case (Kind.task, "Reservations"), (Kind.worker, "Reservations"):
      guard isMember else {
        guard call.method == "GET" else { throw Ingress.methodNotAllowed(call) }
        return try await listReservations(side: resource.segment, owner, workspace, call)
      }
      guard let id = SIDKind.reservation.parse(segments[6]) else { throw .notFound(call.path) }
      switch call.method {
      case "GET": return try await fetchReservation(id, side: resource.segment, owner, workspace, call)
      case "POST": return try await updateReservation(id, side: resource.segment, owner, workspace, call)
      default: throw Ingress.methodNotAllowed(call)
      }
    case (Kind.worker, "Channels"), (Kind.worker, "WorkerChannels"):
      switch (isMember, call.method) {
      case (false, "GET"): return try await listWorkerChannels(owner, workspace, call)
      case (true, "GET"): return try await fetchWorkerChannel(segments[6], owner, workspace, call)
      case (true, "POST"): return try await updateWorkerChannel(segments[6], owner, workspace, call)
      default: throw Ingress.methodNotAllowed(call)
      }
    default: throw .notFound(call.path)
    }
  }
}
