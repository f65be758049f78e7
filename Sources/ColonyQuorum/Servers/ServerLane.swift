import ColonyCaches
import ColonyCore

/// All requests of this process to one server, a line for each kind.
final class ServerLane: Sendable {
    let server: NodeID
    let tier: any CacheTier
    /// Whether the server compares ranks, so that a last write needs to know nothing of what is there.
    let comparesRanks: Bool
    private let health: ServerHealth
    private let entries: RequestLine<LaneLook, [CachedBytes?]>
    private let changes: RequestLine<LaneChange, [Result<CompareAndSet, CacheError>]>
    private let ranked: RankedLines?

    init(_ server: NodeID, _ tier: any CacheTier, _ settings: QuorumSettings) {
        let health = ServerHealth(settings)
        let post = LanePost(server: server, health: health, waitingLimit: settings.waitingPerServer)
        let batchLimit = max(1, min(tier.limits.keysPerCall, 512))
        self.server = server
        self.tier = tier
        self.health = health
        self.entries = RequestLine(
            settings, batchLimit: batchLimit,
            perform: { batch throws(CacheError) in
                try await tier.get(batch.count == 1 ? [batch[0].key] : batch.map(\.key))
            },
            deliver: { batch, result in post.deliver(result, to: batch) { .success(.entry($0.map { HeldEntry($0) })) }
            },
            end: post.end)
        self.changes = RequestLine(
            settings, batchLimit: batchLimit,
            perform: { batch throws(CacheError) in try await Self.compare(batch, on: tier) },
            deliver: { batch, result in
                post.deliver(result, to: batch) { answer in
                    answer.map { outcome in
                        switch outcome {
                        case .stored: .stored
                        case .conflict(let held): .conflict(held.map { HeldEntry($0) })
                        }
                    }
                }
            },
            end: post.end)
        let ranking = tier as? any RankingTier
        self.comparesRanks = ranking != nil
        self.ranked = ranking.map { RankedLines($0, settings, batchLimit: batchLimit, post) }
    }

    /// Whether the server has failed lately, so that others are asked first.
    func isSuspected(at now: MonotonicInstant) -> Bool { self.health.isSuspected(at: now) }

    /// Asks for what is there, with its version.
    func lookEntry(_ look: LaneLook) { self.entries.add(look) }

    /// Asks for what is there, with a version only where the server gives it away.
    func lookValue(_ look: LaneLook) { if let ranked { ranked.values.add(look) } else { self.entries.add(look) } }

    /// Asks for a rank; for all of what is there where the server knows nothing of ranks.
    func lookRank(_ look: LaneLook) { if let ranked { ranked.ranks.add(look) } else { self.entries.add(look) } }

    /// Whether the server keeps the rank above which nothing is there.
    var keepsMarks: Bool { self.ranked?.marks != nil }

    /// Asks for that rank.
    func lookMark(_ look: LaneLook) {
        guard let marks = self.ranked?.marks else { preconditionFailure("the server \(self.server) keeps no mark") }
        marks.add(look)
    }

    /// Stores an entry if the version is there.
    func compare(_ change: LaneChange) { self.changes.add(change) }

    /// Stores an entry if what is there ranks lower. The server must compare ranks.
    func raise(_ change: LaneChange) {
        guard let ranked else { preconditionFailure("the server \(self.server) does not compare ranks") }
        ranked.raises.add(change)
    }

    // MARK: Comparing

    private static func compare(
        _ batch: [LaneChange], on tier: any CacheTier
    ) async throws(CacheError) -> [Result<CompareAndSet, CacheError>] {
        if let bulk = tier as? any BulkComparingTier {
            return try await bulk.compareAndSet(batch.map { CacheComparison($0.entry, expecting: $0.version) })
        }
        if batch.count == 1 { return [await Self.compare(batch[0], on: tier)] }
        let answers = await withTaskGroup(of: (Int, Result<CompareAndSet, CacheError>).self) { group in
            for (index, change) in batch.enumerated() {
                group.addTask { (index, await Self.compare(change, on: tier)) }
            }
            var answers = [Result<CompareAndSet, CacheError>?](repeating: nil, count: batch.count)
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
        return answers.compactMap { $0 }
    }

    private static func compare(
        _ change: LaneChange, on tier: any CacheTier
    ) async -> Result<CompareAndSet, CacheError> {
        do throws(CacheError) {
            return .success(try await tier.compareAndSet(change.entry, expecting: change.version))
        } catch {
            return .failure(error)
        }
    }
}

/// The lines of a server that compares ranks.
private struct RankedLines: Sendable {
    let values: RequestLine<LaneLook, [[UInt8]?]>
    let ranks: RequestLine<LaneLook, [Result<EntryRank, CacheError>]>
    /// Asks for the mark of the server, where it keeps one: one answer for all that ask at the same time.
    let marks: RequestLine<LaneLook, Result<EntryRank, CacheError>>?
    let raises: RequestLine<LaneChange, [Result<RankedSet, CacheError>]>

    init(_ tier: any RankingTier, _ settings: QuorumSettings, batchLimit: Int, _ post: LanePost) {
        let ranking = EnvelopeCoding.ranking
        self.values = RequestLine(
            settings, batchLimit: batchLimit,
            perform: { batch throws(CacheError) in try await tier.values(of: batch.map(\.key)) },
            deliver: { batch, result in post.deliver(result, to: batch) { .success(.entry($0.map { HeldEntry($0) })) }
            },
            end: post.end)
        self.ranks = RequestLine(
            settings, batchLimit: batchLimit,
            perform: { batch throws(CacheError) in try await tier.ranks(of: batch.map(\.key), by: ranking) },
            deliver: { batch, result in post.deliver(result, to: batch) { $0.map { .rank($0) } } },
            end: post.end)
        self.marks = tier.keepsMarks ? Self.marks(tier, settings, post) : nil
        self.raises = RequestLine(
            settings, batchLimit: batchLimit,
            perform: { batch throws(CacheError) in try await tier.raise(batch.map(\.entry), by: ranking) },
            deliver: { batch, result in
                post.deliver(result, to: batch) { answer in
                    answer.map { outcome in
                        switch outcome {
                        case .stored: .stored
                        case .held(let held): .conflict(HeldEntry(held))
                        }
                    }
                }
            },
            end: post.end)
    }
}

extension RankedLines {
    private static func marks(
        _ tier: any RankingTier, _ settings: QuorumSettings, _ post: LanePost
    ) -> RequestLine<LaneLook, Result<EntryRank, CacheError>> {
        RequestLine(
            settings, batchLimit: settings.waitingPerServer,
            perform: { _ throws(CacheError) in
                let answers = try await tier.ranks(of: [QuorumStore.markKey], by: EnvelopeCoding.ranking)
                guard let answer = answers.first else {
                    throw CacheError(.unavailable, "no answer came to a question for one rank")
                }
                return answer
            },
            deliver: { batch, result in
                switch result {
                case .success(.success(let rank)): post.deliver(.success(rank), to: batch)
                case .success(.failure(let error)), .failure(let error): post.deliver(.failure(error), to: batch)
                }
            },
            end: post.end)
    }
}

/// Hands answers out to those who have asked a server.
private struct LanePost: Sendable {
    let server: NodeID
    let health: ServerHealth
    let waitingLimit: Int

    func deliver<Request: LineRequest, Answer>(
        _ result: Result<[Answer], CacheError>, to batch: [Request],
        _ read: (Answer) -> Result<LaneAnswer, CacheError>
    ) {
        switch result {
        case .success(let answers) where answers.count == batch.count:
            self.health.noteSuccess()
            for (request, answer) in zip(batch, answers) {
                request.client.answered(read(answer).mapError(self.failure), at: request.position)
            }
        case .success(let answers):
            self.fail(batch, .unavailable, "\(answers.count) answers came for \(batch.count) questions")
        case .failure(let error):
            self.fail(batch, error)
        }
    }

    /// One answer for all.
    func deliver(_ result: Result<EntryRank, CacheError>, to batch: [LaneLook]) {
        switch result {
        case .success(let rank):
            self.health.noteSuccess()
            for request in batch { request.client.answered(.success(.rank(rank)), at: request.position) }
        case .failure(let error):
            self.fail(batch, error)
        }
    }

    private func fail(_ batch: [some LineRequest], _ error: CacheError) {
        self.health.note(error)
        let failure = self.failure(error)
        for request in batch { request.client.answered(.failure(failure), at: request.position) }
    }

    func end(_ batch: [some LineRequest], _ ending: LineEnding) {
        switch ending {
        case .noAnswer:
            self.health.noteFailure()
            self.fail(batch, .unavailable, "there was no answer in time")
        case .notSent:
            self.fail(batch, .overloaded, "its time was over before the calls ahead of it had ended")
        case .full:
            self.fail(batch, .overloaded, "\(self.waitingLimit) requests wait already")
        }
    }

    private func fail(_ batch: [some LineRequest], _ kind: ReplicaFailure.Kind, _ message: String) {
        let failure = ReplicaFailure(self.server, kind, message)
        for request in batch { request.client.answered(.failure(failure), at: request.position) }
    }

    private func failure(_ error: CacheError) -> ReplicaFailure {
        let kind: ReplicaFailure.Kind =
            switch error.code {
            case .unavailable, .cancelled: .unavailable
            case .overloaded: .overloaded
            default: .refused
            }
        return ReplicaFailure(self.server, kind, error.description)
    }
}
