import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// An HTTP/1 connection whose requests are handled on the thread that reads them.
///
/// By default the handling of a request hops to Swift's global pool and back. On a machine with few cores those two
/// hops cost more than granting a lock.
struct ColonyChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let executors: EventLoopExecutors
    let connections: PrometheusGauge
    let headTimeout: TimeAmount

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        do {
            try channel.pipeline.syncOperations.addHandler(HeadMonitor(timeout: self.headTimeout))
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return self.base.setup(channel: channel, logger: logger)
    }

    func handle(value: Value, logger: Logger) async {
        let base = self.base
        self.connections.increment(by: 1)
        defer { self.connections.decrement(by: 1) }
        await withTaskExecutorPreference(self.executors.executor(of: value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}

/// One task executor for each event loop of a group.
struct EventLoopExecutors: Sendable {
    private let executors: [ObjectIdentifier: EventLoopExecutor]

    init(_ group: any EventLoopGroup) {
        var executors: [ObjectIdentifier: EventLoopExecutor] = [:]
        for loop in group.makeIterator() {
            executors[ObjectIdentifier(loop)] = EventLoopExecutor(loop)
        }
        self.executors = executors
    }

    func executor(of loop: any EventLoop) -> (any TaskExecutor)? {
        self.executors[ObjectIdentifier(loop)]
    }
}

/// Runs tasks on the thread of an event loop.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = self.asUnownedTaskExecutor()
        self.loop.execute { job.runSynchronously(on: executor) }
    }
}
