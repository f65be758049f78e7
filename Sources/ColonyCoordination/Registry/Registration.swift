public import ColonyCore
import Synchronization

/// An instance that is registered, and kept so in the background until it is deregistered.
///
/// It does not deregister itself when the last reference goes; ``Registry/withRegistration(_:as:waiting:_:)`` does at its end.
public final class Registration: Sendable {
    /// Why a registration is kept no longer.
    public enum End: Sendable {
        /// ``Registration/deregister()`` was called.
        case deregistered
        /// Another process has registered an instance of the same id.
        case replaced
        /// The engine refuses the record.
        case refused(CoordinationError)
    }

    /// The name of the service.
    public let service: LeaseName

    private let record: KeptRecord
    private let clock: any MonotonicClock
    private let state: Mutex<ServiceInstance>

    init(_ instance: ServiceInstance, service: LeaseName, record: KeptRecord, clock: any MonotonicClock) {
        self.service = service
        self.record = record
        self.clock = clock
        self.state = Mutex(instance)
    }

    /// What others are to know, as it was last set.
    public var instance: ServiceInstance { self.state.withLock { $0 } }

    /// Whether the record is in the store for certain at this moment, by the clock. While the engine cannot be reached it turns
    /// false when the record may have run out, and true again after it was written anew.
    public var isRegistered: Bool { self.record.isAlive }

    /// Changes what others are to know, such as the health, and waits until the engine has it.
    ///
    /// Changes of several tasks are written in the order in which they were made, the newest in place of all before it.
    ///
    /// - Parameters:
    ///   - limit: How long to wait while the engine cannot be reached. The change is written later all the same.
    ///   - change: Makes the change; the id stays.
    /// - Throws: ``CoordinationError``: `invalidRequest` for an instance that is not possible or after ``deregister()``,
    ///   `leaseLost` if another process has registered the id, `unavailable` when the limit has passed, `cancelled`.
    /// - Complexity: One round trip.
    public func update(
        waiting limit: Duration = .seconds(60), _ change: (inout ServiceInstance) -> Void
    ) async throws(CoordinationError) {
        let deadline = self.clock.now.advanced(by: limit)
        let bytes = try self.changed(change)
        try await self.record.write(bytes, until: deadline)
    }

    private func changed(_ change: (inout ServiceInstance) -> Void) throws(CoordinationError) -> [UInt8] {
        let result = self.state.withLock { instance -> Result<[UInt8], CoordinationError> in
            var changed = instance
            change(&changed)
            do throws(CoordinationError) {
                guard changed.id == instance.id else {
                    throw CoordinationError(
                        .invalidRequest, "a registration of \(instance.id) cannot become one of \(changed.id)")
                }
                try changed.check()
                let bytes = try RecordCodec.bytes(of: changed)
                instance = changed
                return .success(bytes)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Ends the registration and removes the record, also when the calling task has been cancelled. Doing it again does
    /// nothing more.
    ///
    /// A store that cannot be reached lists the instance for up to one duration longer.
    ///
    /// - Complexity: One round trip.
    public func deregister() async {
        await self.record.remove()
    }

    /// Waits until the registration is kept no longer, and says why.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    public func waitUntilEnded() async throws -> End {
        switch try await self.record.waitUntilEnded() {
        case .removed: .deregistered
        case .replaced: .replaced
        case .refused(let error): .refused(CoordinationError(error))
        }
    }
}
