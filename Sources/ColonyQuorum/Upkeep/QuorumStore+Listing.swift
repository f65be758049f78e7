import ColonyCaches
import ColonyCore
import Synchronization

extension QuorumStore {
    /// How many keys are asked for at a time.
    private static let pageSize = 256

    /// Gives each page of the keys of a server, at a rate.
    ///
    /// - Parameter rate: The most keys in a second, from 1.
    func eachPage(
        of lane: ServerLane, rate: Int, _ body: ([CacheKey]) async throws(QuorumError) -> Void
    ) async throws(QuorumError) {
        guard rate >= 1 else {
            throw QuorumError(.invalidRequest, "a rate of \(rate) keys in a second is not possible: it is 1 or more")
        }
        guard let tier = lane.tier as? any ListingTier else {
            throw QuorumError(
                .unsupported,
                "the server \(lane.server) cannot list its keys, so what lies there can be repaired by reads only")
        }
        var cursor: CacheCursor?
        let clock = self.settings.clock
        repeat {
            let started = clock.now
            let page: CachePage
            do throws(CacheError) {
                let from = cursor
                page = try await BoundedCall.run(
                    upTo: self.settings.timeout, on: clock,
                    timeOut: CacheError(.unavailable, "there was no answer in time")
                ) { () async throws(CacheError) in try await tier.keys(from: from, limit: Self.pageSize) }
            } catch {
                throw QuorumError(
                    error.code == .refused ? .unsupported : .unavailable,
                    "the keys of the server \(lane.server) cannot be listed", cause: error)
            }
            try await body(page.keys.filter { $0 != Self.markKey })
            cursor = page.next
            let pause = Duration.nanoseconds(Int64(page.keys.count) * 1_000_000_000 / Int64(rate))
            do {
                try await clock.sleep(until: started.advanced(by: pause), tolerance: nil)
            } catch {
                throw QuorumError(.cancelled, "the calling task was cancelled", cause: error)
            }
        } while cursor != nil
    }

    /// What a server holds under some keys, in their order; nothing for what cannot be read.
    func entries(_ keys: [CacheKey], on lane: ServerLane) async throws(QuorumError) -> [CachedBytes?] {
        var result: [CachedBytes?] = []
        let size = max(1, min(lane.tier.limits.keysPerCall, Self.pageSize))
        let clock = self.settings.clock
        for start in stride(from: 0, to: keys.count, by: size) {
            let part = Array(keys[start..<min(start + size, keys.count)])
            do throws(CacheError) {
                result += try await BoundedCall.run(
                    upTo: self.settings.timeout, on: clock,
                    timeOut: CacheError(.unavailable, "there was no answer in time")
                ) { () async throws(CacheError) in try await lane.tier.get(part) }
            } catch {
                throw QuorumError(.unavailable, "the server \(lane.server) cannot be read", cause: error)
            }
        }
        return result
    }

    func lane(_ server: NodeID) throws(QuorumError) -> ServerLane {
        guard let lane = self.state.withLock({ $0.lanes[server] }) else {
            throw QuorumError(.invalidRequest, "the server \(NameRules.quoted(server.rawValue)) has no tier here")
        }
        return lane
    }
}
