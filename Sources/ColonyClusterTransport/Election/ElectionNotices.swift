package import ColonyCluster
package import ColonyCore
package import Logging

/// What the log is told of an election, and how often: an election that goes wrong may go wrong many times a second.
package struct ElectionNotices: Sendable {
    /// A line of the log.
    package struct Notice: Sendable {
        package let level: Logger.Level
        package let message: Logger.Message
        package var metadata: Logger.Metadata
    }

    /// How much of one kind there is in one minute.
    private struct Minute {
        var endsAt: MonotonicInstant
        var told = 0
        var silenced = 0
    }

    /// How often something of one kind is told in a minute. What is more is counted, and the count told with the next one.
    package static let mostPerMinute = 10

    private var minutes: [String: Minute] = [:]

    package init() {}

    // MARK: What is told

    /// What there is to say of an event, if anything.
    package mutating func notice(of event: VotingEvent, at now: MonotonicInstant) -> Notice? {
        switch event {
        case .elected(let term):
            self.notice("elected", .info, "leads", ["term": "\(term)"], at: now)
        case .lost(let term, let loss):
            self.notice(
                "lost", .info, "does not lead any more", ["term": "\(term)", "reason": "\(Self.text(loss))"], at: now)
        case .following(let leader, let term):
            self.notice(
                "following", .info, "follows a leader", ["leader": "\(leader)", "term": "\(term)"], at: now)
        case .leaderUnheard(let leader):
            self.notice(
                "unheard", .info, "the leader was not heard for too long; another one may be elected",
                ["leader": "\(leader)"], at: now)
        case .reconfigured(let set, let isSettled):
            self.notice(
                "reconfigured", .info,
                isSettled ? "a majority has this set of voters" : "the set of voters is another one",
                ["voters": "\(set)"], at: now)
        case .conflict(let id):
            self.notice(
                "conflict", .warning,
                "two processes have one name; give one of them another name, and a directory of its own",
                ["name": "\(id)"], at: now)
        case .foundedOtherwise(let id):
            self.notice(
                "founded", .warning,
                "a node was founded with another set of voters; the two do not vote for each other",
                ["other": "\(id)"], at: now)
        case .outranked: nil
        }
    }

    /// What there is to say of something that was ignored.
    package mutating func notice(
        of refusal: ClusterRefusal, from source: String, count: Int, at now: MonotonicInstant
    ) -> Notice? {
        self.notice(
            "refused \(refusal)", refusal.isMisconfiguration ? .warning : .info, "ignored what was sent to this node",
            ["reason": "\(refusal)", "from": "\(source)", "count": "\(count)"], most: 1, at: now)
    }

    private static func text(_ loss: LeadershipLoss) -> String {
        switch loss {
        case .unanswered: "no majority has answered for the time of the lease"
        case .superseded: "there is a later term"
        case .handedOver: "handed over"
        case .resigned: "resigned"
        }
    }

    // MARK: How often

    private mutating func notice(
        _ kind: String, _ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata,
        most: Int = Self.mostPerMinute, at now: MonotonicInstant
    ) -> Notice? {
        var minute = self.minutes[kind] ?? Minute(endsAt: now.advanced(by: .seconds(60)))
        defer { self.minutes[kind] = minute }
        var metadata = metadata
        if minute.endsAt <= now {
            if minute.silenced > 0 { metadata["untold"] = "\(minute.silenced)" }
            minute = Minute(endsAt: now.advanced(by: .seconds(60)))
        }
        guard minute.told < most else {
            minute.silenced += 1
            return nil
        }
        minute.told += 1
        return Notice(level: level, message: message, metadata: metadata)
    }
}
