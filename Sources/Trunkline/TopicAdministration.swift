import KafkaAdmin
package import KafkaSettings
package import Topics

/// Topics on brokers: what would have to be done, and doing it. For commands; blocks a thread of its own, never a loop.
package struct TopicAdministration: Sendable {
  package var settings: KafkaSettings
  package var topics: [Topic]
  package var options: TopicPlanOptions

  package init(settings: KafkaSettings, topics: [Topic] = TopicTable.all, options: TopicPlanOptions = TopicPlanOptions()) {
    self.settings = settings
    self.topics = topics
    self.options = options
  }

  /// What `apply` would do; empty when all is as it should be. Errors: `NodeFailure`.
  package func plan() async throws(NodeFailure) -> [TopicStep] {
    let settings = settings
    let names = topics.map { options.prefix + $0.name }
    do {
      let cluster = try await KafkaAdmin.perform(settings) { admin throws(KafkaAdminError) in try admin.describe(names) }
      return steps(cluster)
    } catch { throw NodeFailure("\(error)") }
  }

  fileprivate func steps(_ cluster: KafkaCluster) -> [TopicStep] {
    var options = options
    options.brokers = cluster.brokers
    let present = cluster.topics.mapValues { PresentTopic(partitions: $0.partitions, replication: $0.replication, settings: $0.settings) }
    return TopicPlan.steps(wanted: topics, present: present, options: options)
  }

  /// Does what may be done and tells each step when it is done. Gives back what is left to do: refusals, and what brokers have not made true in time.
  package func apply(told: @escaping @Sendable (TopicStep) -> Void) async throws(NodeFailure) -> [TopicStep] {
    let names = topics.map { options.prefix + $0.name }
    do {
      return try await KafkaAdmin.perform(settings) { admin throws(KafkaAdminError) in
        var left = steps(try admin.describe(names))
        for step in left where try perform(step, admin) { told(step) }
        // Brokers hear of a change one after another; what is asked may be behind for a moment.
        var patience = 40
        while true {
          left = steps(try admin.describe(names))
          if left.allSatisfy({ $0.isHarmless || $0.isRefusal }) || patience == 0 { return left }
          patience -= 1
          admin.listen(for: 250)
        }
      }
    } catch { throw NodeFailure("\(error)") }
  }

  /// Deletes all of them with what is in them. For topics that one run made for itself.
  package func delete() async throws(NodeFailure) {
    let names = topics.map { options.prefix + $0.name }
    do {
      try await KafkaAdmin.perform(settings) { admin throws(KafkaAdminError) in try admin.delete(names) }
    } catch { throw NodeFailure("\(error)") }
  }

  /// True when something was done.
  private func perform(_ step: TopicStep, _ admin: KafkaAdmin) throws(KafkaAdminError) -> Bool {
    switch step {
    case .create(let topic, let partitions, let replication, let settings):
      let values = Dictionary(settings.map { ($0.name, $0.value) }) { $1 }
      // Made by somebody else meanwhile: the second look tells whether it is right.
      return try admin.create([KafkaNewTopic(name: topic, partitions: partitions, replication: replication, settings: values)]).isEmpty
    case .change(let topic, let changes, _):
      try admin.change(topic, Dictionary(changes.map { ($0.name, $0.new) }) { $1 })
      return true
    case .refuse, .keepLonger: return false
    }
  }

  /// What to run to mend what a check found.
  package func remedy(kafkaConfig: String? = nil, folder: String? = nil, isDevelopment: Bool) -> String {
    var words = ["trunkline topics apply --kafka \(settings.bootstrap)"]
    if let kafkaConfig {
      words.append("--kafka-config \(kafkaConfig)")
    } else if !settings.extra.isEmpty {
      words.append("--kafka-config FILE")
    }
    if !options.prefix.isEmpty { words.append("--topic-prefix \(options.prefix)") }
    if let partitions = options.partitions { words.append("--partitions \(partitions)") }
    if let folder { words.append("--from \(folder)") }
    if isDevelopment { words.append("--development") }
    return words.joined(separator: " ")
  }
}

/// What a node asks before it serves from a cluster.
package enum TopicCheck {
  /// One thing about the topics, for whoever started the node.
  package struct Problem: Sendable, Hashable, CustomStringConvertible {
    /// Serving would be wrong or would lose records; else it is to be known.
    package var isFatal: Bool
    package var text: String
    /// There is one broker, taken for one for development.
    package var isDevelopment = false

    package var description: String { text }
  }

  /// Empty when topics are as they must be. The last fatal one says what to run. A single broker counts as one for development, which is told, unless
  /// `isDevelopment` says what it is. Errors: `NodeFailure` when brokers cannot be asked.
  package static func run(_ settings: KafkaSettings, prefix: String, isDevelopment: Bool? = nil) async throws(NodeFailure) -> [Problem] {
    let names = TopicTable.all.map { prefix + $0.name }
    let cluster: KafkaCluster
    do { cluster = try await KafkaAdmin.perform(settings) { admin throws(KafkaAdminError) in try admin.describe(names) } } catch {
      throw NodeFailure("\(error)")
    }
    // The last broker of three is not one for development: its topics tell.
    let isSmall = isDevelopment ?? (cluster.brokers == 1 && cluster.topics.values.allSatisfy { $0.replication == 1 })
    var options = TopicPlanOptions()
    options.prefix = prefix
    options.profile = isSmall ? .development : .production
    let administration = TopicAdministration(settings: settings, options: options)
    let steps = administration.steps(cluster)
    var problems = TopicStep.problems(steps).map { Problem(isFatal: true, text: $0) }
    if steps.contains(where: \.isDoable) {
      problems.append(Problem(isFatal: true, text: "run: \(administration.remedy(isDevelopment: isSmall))"))
    }
    if isSmall, isDevelopment == nil {
      problems.insert(
        Problem(isFatal: false, text: "there is one broker: for development; what it holds is lost with it", isDevelopment: true), at: 0)
    }
    return problems
  }
}
