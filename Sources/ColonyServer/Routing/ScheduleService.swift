import ColonyCore
import ColonyQueues
import Logging
import NIOCore

/// What the routes of schedules do, apart from HTTP: bodies in, answers out.
final class ScheduleService: Sendable {
    let queues: QueueService
    /// Takes the ticks; `nil` if the store keeps no schedules.
    let scheduler: Scheduler?

    /// - Parameter duty: Whether this daemon publishes for schedules at this moment.
    init(queues: QueueService, logger: Logger, duty: @escaping @Sendable () -> SchedulerDuty) {
        self.queues = queues
        self.scheduler = Self.scheduler(
            try? queues.offered(), clock: queues.clock, wallClock: queues.wallClock, logger: logger, duty: duty)
    }

    private func offered() throws(Problem) -> any ScheduleEngine {
        guard let engine = try self.queues.offered() as? any ScheduleEngine else {
            throw .unsupported("keep schedules")
        }
        return engine
    }

    func put(_ name: ScheduleName, body: ByteBuffer, token: AccessToken?) async throws(Problem) -> Answer {
        let schedule = try ScheduleBody.read(name, body, limits: self.queues.limits)
        try token?.check(schedule.queue.rawValue)
        let engine = try self.offered()
        let isChanged: Bool
        let record: ScheduleRecord?
        do {
            isChanged = try await engine.put(schedule, at: self.queues.wallClock.now)
            record = try await engine.schedule(named: name)
        } catch {
            if error.code == .conflict { throw Problem(.scheduleConflict, error.message) }
            throw Problem(error)
        }
        return Answer(capacity: 512) { body in
            body.writeJSON(#"{"changed":"#)
            body.writeJSON(isChanged)
            body.writeJSON(#","schedule":"#)
            // Removed by somebody else in between: it was as it was put.
            ScheduleBody.write(record ?? ScheduleRecord(schedule: schedule, next: nil), to: &body)
            body.writeJSON("}")
        }
    }

    func remove(_ name: ScheduleName) async throws(Problem) -> Answer {
        let engine = try self.offered()
        let wasThere: Bool
        do {
            wasThere = try await engine.removeSchedule(name)
        } catch {
            throw Problem(error)
        }
        guard wasThere else { throw .unknown(name) }
        return Answer { $0.writeJSON(#"{"deleted":true}"#) }
    }

    func inspect(_ name: ScheduleName, query: Substring.UTF8View) async throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let engine = try self.offered()
        let record: ScheduleRecord?
        do {
            record = try await engine.schedule(named: name)
        } catch {
            throw Problem(error)
        }
        guard let record else { throw .unknown(name) }
        return Answer(capacity: 512) { ScheduleBody.write(record, to: &$0) }
    }

    func list(_ query: Substring.UTF8View, token: AccessToken?) async throws(Problem) -> Answer {
        let parameters = try QueryParameters(query, known: ["after", "limit"])
        let limit = try self.queues.limit(parameters)
        var after: ScheduleName?
        if let text = parameters["after"] {
            do throws(InvalidName) {
                after = try ScheduleName(text)
            } catch {
                throw Problem(error)
            }
        }
        let engine = try self.offered()
        var body = ByteBufferAllocator().buffer(capacity: 4_096)
        body.writeJSON(#"{"schedules":["#)
        var count = 0
        var mayFollow = true
        while mayFollow, count < limit, body.readableBytes < QueueService.answerBytes {
            let asked = min(limit - count, QueueService.slice)
            let page: [ScheduleRecord]
            do {
                page = try await engine.schedules(after: after, limit: asked)
            } catch {
                throw Problem(error)
            }
            mayFollow = page.count == asked
            after = page.last?.schedule.name ?? after
            for record in page where token?.covers(record.schedule.name.rawValue) ?? true {
                if count > 0 { body.writeJSON(",") }
                ScheduleBody.write(record, to: &body)
                count += 1
            }
        }
        body.writeJSON("]")
        if mayFollow, let after {
            body.writeJSON(#","next":"#)
            body.writeJSON(string: after.rawValue)
        }
        body.writeJSON("}")
        return Answer(body: body)
    }
}

/// A schedule as JSON.
enum ScheduleBody {
    /// What becomes of ticks that were missed.
    enum Missed: String, CaseIterable {
        case skip, once, all
    }

    static let members: [StaticString] = ["cron", "zone", "queue", "message", "missed", "missed_limit", "is_paused"]
    private static let messageMembers: [StaticString] = ["body", "key", "priority", "headers", "body_base64"]

    static func read(
        _ name: ScheduleName, _ body: ByteBuffer, limits: DaemonConfiguration.Limits
    ) throws(Problem) -> Schedule {
        var cron: CronExpression?
        var zone = CivilZone.utc
        var queue: QueueName?
        var message: OutgoingMessage?
        var missed = Missed.once
        var missedLimit: Int?
        var isPaused = false
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 0: cron = try reader.readCron()
            case 1: zone = try reader.readZone()
            case 2: queue = try reader.readQueueName(atMost: limits.nameBytes)
            case 3:
                var fields = MessageFields()
                try reader.readObject(Self.messageMembers) { reader, index throws(JSONDefect) in
                    // Their places among the members of a message for a queue.
                    try fields.read(&reader, [0, 1, 3, 5, 6][index])
                }
                message = try fields.finished(reader)
            case 4: missed = try reader.readChoice()
            case 5: missedLimit = Int(try reader.readNumber(in: 1...Int64(MessageLimits.batch)))
            default: isPaused = try reader.readBool()
            }
        }
        guard let cron else { throw .missing("cron") }
        guard let queue else { throw .missing("queue") }
        guard let message else { throw .missing("message") }
        guard missedLimit == nil || missed == .all else {
            throw Problem(.invalidRequest, "missed_limit is there, and missed is \(missed.rawValue) and not all")
        }
        let policy: MissedTicks =
            switch missed {
            case .skip: .skip
            case .once: .once
            case .all: .all(limit: missedLimit ?? Self.missedLimit)
            }
        do throws(QueueError) {
            return try Schedule(
                name, cron: cron, zone: zone, to: queue,
                message: ScheduledMessage(
                    message.body, key: message.key, priority: message.priority, headers: message.headers),
                missed: policy, isPaused: isPaused)
        } catch {
            throw Problem(error)
        }
    }

    /// How many missed ticks are made up for unless it is said.
    static let missedLimit = 100

    static func write(_ record: ScheduleRecord, to body: inout ByteBuffer) {
        let schedule = record.schedule
        body.writeJSON(#"{"name":"#)
        body.writeJSON(string: schedule.name.rawValue)
        body.writeJSON(#","cron":"#)
        body.writeJSON(string: schedule.cron.description)
        body.writeJSON(#","zone":"#)
        body.writeJSON(string: schedule.zone.identifier)
        body.writeJSON(#","queue":"#)
        body.writeJSON(string: schedule.queue.rawValue)
        body.writeJSON(#","missed":"#)
        switch schedule.missed {
        case .skip: body.writeJSON(string: Missed.skip.rawValue)
        case .once: body.writeJSON(string: Missed.once.rawValue)
        case .all(let limit):
            body.writeJSON(string: Missed.all.rawValue)
            body.writeJSON(#","missed_limit":"#)
            body.writeJSON(limit)
        }
        body.writeJSON(#","is_paused":"#)
        body.writeJSON(schedule.isPaused)
        body.writeJSON(#","message":{"priority":"#)
        body.writeJSON(schedule.message.priority)
        QueueAnswers.writeBody(schedule.message.body, to: &body)
        if let key = schedule.message.key {
            body.writeJSON(#","key":"#)
            body.writeJSON(string: key)
        }
        body.writeJSON(#","headers":"#)
        QueueAnswers.write(schedule.message.headers, to: &body)
        body.writeJSON(#"},"taken":"#)
        body.writeJSON(record.taken)
        if let next = record.next {
            body.writeJSON(#","next":"#)
            body.writeJSON(time: next)
        }
        if let last = record.lastTaken {
            body.writeJSON(#","last":"#)
            body.writeJSON(time: last)
        }
        body.writeJSON("}")
    }
}

extension JSONReader {
    fileprivate mutating func readCron() throws(JSONDefect) -> CronExpression {
        let text = try self.readString()
        do throws(InvalidCron) {
            return try CronExpression(text)
        } catch {
            throw .outOfRange(path: self.currentPath, reason: error.description)
        }
    }

    fileprivate mutating func readZone() throws(JSONDefect) -> CivilZone {
        let text = try self.readString()
        do throws(InvalidName) {
            return try CivilZone(text)
        } catch {
            throw .outOfRange(path: self.currentPath, reason: error.description)
        }
    }
}

extension Problem {
    static func unknown(_ schedule: ScheduleName) -> Problem {
        Problem(.notFound, "there is no schedule \(NameRules.quoted(schedule.rawValue))")
    }
}
