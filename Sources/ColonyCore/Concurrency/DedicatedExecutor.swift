import Synchronization

/// An executor with one thread of its own, for work that must go on while callers keep every thread of the global pool busy.
///
/// The thread starts with the first job and lives as long as the process, so an executor is made once and kept.
package final class DedicatedExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStarted = false
    }

    private let name: String
    private let condition = ThreadCondition(State())

    package init(named name: String) {
        self.name = name
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustStart = self.condition.withLock { state in
            state.jobs.append(job)
            defer { state.isStarted = true }
            return !state.isStarted
        }
        if mustStart {
            startThread(named: self.name) { self.run() }
        } else {
            self.condition.signal()
        }
    }

    private func run() {
        var batch: [UnownedJob] = []
        while true {
            self.condition.waitLoop { state -> ThreadCondition<State>.WaitDecision<Void> in
                guard !state.jobs.isEmpty else { return .wait(atMost: nil) }
                swap(&batch, &state.jobs)
                return .done(())
            }
            for job in batch {
                job.runSynchronously(on: self.asUnownedTaskExecutor())
            }
            batch.removeAll(keepingCapacity: true)
        }
    }
}
