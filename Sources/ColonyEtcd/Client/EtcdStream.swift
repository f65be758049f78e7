#if Etcd
internal import ColonyCore
internal import SwiftProtobuf
internal import Synchronization

/// A stream in both directions that opens with the first request and, when it has broken, with the next one.
///
/// Each opening has a number. Who sends is told under which one, and is told when that one has ended, so that what was asked
/// on a broken stream is never mixed up with what is asked on the next.
final class EtcdStream<Request: Message, Answer: Message>: Sendable {
    private struct State {
        var opening = 0
        var requests: AsyncStream<Request>.Continuation?
        var task: Task<Void, Never>?
        var isClosed = false
    }

    private let client: EtcdClient
    private let method: EtcdMethod<Request, Answer>
    private let onAnswer: @Sendable (Answer, _ opening: Int) -> Void
    private let onEnd: @Sendable (_ opening: Int) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - onAnswer: Called in the order of the answers.
    ///   - onEnd: Called once for each opening, when nothing more comes of it.
    init(
        _ client: EtcdClient, _ method: EtcdMethod<Request, Answer>,
        onAnswer: @escaping @Sendable (Answer, _ opening: Int) -> Void,
        onEnd: @escaping @Sendable (_ opening: Int) -> Void
    ) {
        self.client = client
        self.method = method
        self.onAnswer = onAnswer
        self.onEnd = onEnd
    }

    /// Sends a request, opening the stream if need be.
    ///
    /// - Returns: The number of the opening on which it goes; `nil` if the stream was closed for good.
    func send(_ request: Request) -> Int? {
        self.state.withLock { state -> Int? in
            if state.isClosed { return nil }
            if state.requests == nil {
                state.opening += 1
                // Bounded by those who wait for an answer; each has one or two requests under way.
                let (stream, requests) = AsyncStream.makeStream(of: Request.self)
                state.requests = requests
                let opening = state.opening
                state.task = Task(executorPreference: EtcdLink.executor) { await self.run(stream, opening) }
            }
            state.requests?.yield(request)
            return state.opening
        }
    }

    /// Sends a request on an opening, if that is still the present one.
    func send(_ request: Request, on opening: Int) {
        self.state.withLock { state in
            if state.opening == opening { _ = state.requests?.yield(request) }
        }
    }

    func close() {
        let task = self.state.withLock { state in
            state.isClosed = true
            state.requests?.finish()
            return state.task
        }
        task?.cancel()
    }

    private func run(_ requests: AsyncStream<Request>, _ opening: Int) async {
        do throws(EtcdFailure) {
            let link = try await self.client.link(
                until: self.client.clock.now.advanced(by: self.client.options.timeout))
            let over = OneShotSignal()
            let task = Task(executorPreference: EtcdLink.executor) {
                do throws(EtcdFailure) {
                    try await link.stream(self.method, sending: requests) { self.onAnswer($0, opening) }
                } catch {
                    // A stream that breaks while the connection is thought to be good says that it is not.
                    if error.kind == .unreachable || error.kind == .staleToken { self.client.drop(link) }
                }
                over.fire()
            }
            // The end of the link is the end of this opening, whatever the library makes of the stream.
            link.whenClosed {
                task.cancel()
                over.fire()
            }
            try? await over.wait()
            task.cancel()
        } catch {
            // Whoever has sent something learns it from the end of this opening.
        }
        self.state.withLock { state in
            if state.opening == opening { state.requests = nil }
        }
        self.onEnd(opening)
    }
}
#endif
