extension Route {
    /// What the document says of a route of semaphores and of the registry.
    var coordinationDescription: RouteDescription {
        switch self {
        case .acquirePermits:
            RouteDescription(
                summary: "Take permits of a semaphore, waiting in turn if asked to.",
                success: "The permits are granted.", request: "AcquirePermitsRequest", answer: "PermitLease",
                problems: [.permitsHeld, .tooManyWaiters, .draining])
        case .renewPermits:
            RouteDescription(
                summary: "Extend a lease on permits that is not over.", success: "The lease is extended.",
                request: "RenewPermitsRequest", answer: "PermitLease", problems: [.lost])
        case .releasePermits:
            RouteDescription(
                summary: "Give permits back, and without a token a place in the queue as well.",
                success: "The permits are released.", request: "ReleaseRequest", answer: "Released",
                problems: [.lost])
        case .listSemaphores:
            RouteDescription(
                summary: "List semaphores that are held or waited for, in the byte order of their names.",
                success: "A page of semaphores; `next` is there if more may follow.", answer: "SemaphorePage",
                problems: [.invalidRequest, .unknownField])
        case .inspectSemaphore:
            RouteDescription(
                summary: "Who holds permits of a semaphore, and who waits.",
                success: "The semaphore; nobody is in it if nobody holds permits or waits.", answer: "Semaphore",
                problems: [.invalidRequest, .unknownField])
        case .awaitPermits:
            RouteDescription(
                summary: "Whether permits would be granted now, or wait until they would.",
                success: "Whether they would be granted. It may say so early; whoever asks for them then learns more.",
                answer: "FreePermits", problems: [.invalidRequest, .unknownField, .tooManyWaiters, .draining])
        case .evictHolder:
            RouteDescription(
                summary: "End what an owner holds of a semaphore, whoever it is, or take its place in the queue away.",
                success: "It is ended.", answer: "Evicted", problems: [.invalidRequest, .unknownField, .notFound])
        default: self.registryDescription
        }
    }

    private var registryDescription: RouteDescription {
        switch self {
        case .listGroups:
            RouteDescription(
                summary: "List groups that have records, in the byte order of their names.",
                success: "A page of groups; `next` is there if more may follow.", answer: "GroupPage",
                problems: [.invalidRequest, .unknownField])
        case .readGroup:
            RouteDescription(
                summary: "Read all records of a group.", success: "The records as they were at one moment.",
                answer: "Group", problems: [.invalidRequest, .unknownField])
        case .groupChanges:
            RouteDescription(
                summary: "Whether a group has changed, or wait until it does.",
                success: "Whether it is no longer in that state.", answer: "Changed",
                problems: [.invalidRequest, .unknownField, .tooManyWaiters, .draining])
        case .putRecord:
            RouteDescription(
                summary: "Write a record, for ever or until its owner stops renewing it, if need be under a condition.",
                success: "The record is written.", request: "PutRecordRequest", answer: "WrittenRecord",
                problems: [.recordConflict])
        case .readRecord:
            RouteDescription(
                summary: "Read one record.", success: "The record.", answer: "RecordOfGroup",
                problems: [.invalidRequest, .unknownField, .notFound])
        case .removeRecord:
            RouteDescription(
                summary: "Remove a record, if need be under a condition.", success: "The record is removed.",
                answer: "RemovedRecord", problems: [.invalidRequest, .unknownField, .notFound])
        case .renewRecord:
            RouteDescription(
                summary: "Extend a record that is not over.", success: "The record is extended.",
                request: "RenewRecordRequest", answer: "RenewedRecord", problems: [.lost])
        default: preconditionFailure("\(self) is no route of semaphores or of the registry")
        }
    }
}
