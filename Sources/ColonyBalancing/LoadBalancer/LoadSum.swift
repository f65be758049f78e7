import ColonyCore
import Synchronization

/// The sum of the loads of all endpoints.
///
/// A bound on loads asks for the sum with each pick, so neither counting nor asking may make threads wait for one line of memory. Each thread
/// counts in a stripe of its own and passes on what it has counted when that is a batch; calls that begin and end on one thread never come to
/// one. A thread sees its own calls at once, and of each other thread all but less than a batch.
///
/// A batch is a small part of the number of endpoints, so what is not seen of a thread moves the bound of an endpoint by a thirtieth of a call.
/// With few endpoints it is a single call: then the sum is exact, and one line is what it costs.
//
// `@unchecked Sendable`, because the memory holds atomics only and is freed with the object.
final class LoadSum: @unchecked Sendable {
    private static var stride: Int { 128 }
    /// Endpoints for each call of a batch.
    private static var endpointsPerCall: Int { 32 }

    private let base: UnsafeMutableRawPointer

    init() {
        let count = (ThreadStripe.count + 1) * Self.stride
        self.base = .allocate(byteCount: count, alignment: Self.stride)
        self.base.initializeMemory(as: UInt8.self, repeating: 0, count: count)
        self.adapt(toEndpoints: 1)
    }

    deinit { self.base.deallocate() }

    /// What was passed on.
    private var passed: UnsafeMutablePointer<Atomic<Int>> { self.base.assumingMemoryBound(to: Atomic<Int>.self) }

    /// On the line of what was passed on, which is in every cache as long as nothing is.
    private var batch: UnsafeMutablePointer<Atomic<Int>> {
        (self.base + MemoryLayout<Int>.stride).assumingMemoryBound(to: Atomic<Int>.self)
    }

    private func stripe(_ number: Int) -> UnsafeMutablePointer<Atomic<Int>> {
        (self.base + (number + 1) * Self.stride).assumingMemoryBound(to: Atomic<Int>.self)
    }

    /// Chooses the batch for a number of endpoints, and passes on what all threads have counted.
    func adapt(toEndpoints count: Int) {
        self.batch.pointee.store(max(1, count / Self.endpointsPerCall), ordering: .relaxed)
        for number in 0..<ThreadStripe.count { self.passOn(self.stripe(number)) }
    }

    private func passOn(_ stripe: UnsafeMutablePointer<Atomic<Int>>) {
        let counted = stripe.pointee.exchange(0, ordering: .relaxed)
        if counted != 0 { self.passed.pointee.wrappingAdd(counted, ordering: .relaxed) }
    }

    /// Counts calls that begin, or, with a number below zero, calls that end.
    @inline(__always)
    func add(_ change: Int) {
        let batch = self.batch.pointee.load(ordering: .relaxed)
        let stripe = self.stripe(ThreadStripe.current)
        guard batch > 1 else {
            self.passed.pointee.wrappingAdd(change, ordering: .relaxed)
            // Counted by this thread while the batch was changed.
            if stripe.pointee.load(ordering: .relaxed) != 0 { self.passOn(stripe) }
            return
        }
        let counted = stripe.pointee.wrappingAdd(change, ordering: .relaxed).newValue
        if abs(counted) >= batch { self.passOn(stripe) }
    }

    /// The sum, less than a batch off for each other thread.
    var value: Int {
        let own = self.stripe(ThreadStripe.current).pointee.load(ordering: .relaxed)
        return max(0, self.passed.pointee.load(ordering: .relaxed) + own)
    }
}
