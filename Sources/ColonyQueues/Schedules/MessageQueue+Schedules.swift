public import ColonyCore

extension MessageQueue {
    /// Has a payload published over and over, as long as any ``Scheduler`` runs on the store. Repeating the call with an equal schedule changes nothing.
    ///
    /// ```swift
    /// try await reports.schedule(named: "daily", cron: "30 6 * * MON-FRI", zone: "Europe/Berlin", DailyReport())
    /// ```
    ///
    /// - Parameters:
    ///   - name: One of its name is replaced, whatever its queue; a tick that was taken is not taken again.
    ///   - cron: See ``CronExpression``.
    ///   - zone: A name such as `Europe/Berlin`.
    ///   - missed: What becomes of ticks when no scheduler was running.
    ///   - now: The civil time; the first tick comes after it.
    /// - Returns: Whether this changed anything.
    /// - Throws: ``QueueError``: `invalidRequest` if the expression or the zone is none, quoting it, or if it never fires; `invalidConfiguration` if the
    ///   engine has no power of schedules.
    @discardableResult
    public func schedule(
        named name: ScheduleName, cron: String, zone: String = "UTC", _ payload: Payload, key: String? = nil,
        priority: Int = 4, headers: [String: String] = [:], missed: MissedTicks = .once,
        at now: WallTime = SystemWallClock().now
    ) async throws(QueueError) -> Bool {
        let engine = try self.scheduling()
        let expression: CronExpression
        do {
            expression = try CronExpression(cron)
        } catch {
            throw QueueError(.invalidRequest, error.description, cause: error)
        }
        let civilZone: CivilZone
        do {
            civilZone = try CivilZone(zone)
        } catch {
            throw QueueError(.invalidRequest, error.description, cause: error)
        }
        let body: [UInt8]
        do {
            body = try self.codec.encode(payload)
        } catch {
            throw QueueError(
                .invalidRequest, "a payload for the queue \"\(self.name)\" cannot be encoded", cause: error)
        }
        let schedule = try Schedule(
            name, cron: expression, zone: civilZone, to: self.name,
            message: ScheduledMessage(body, key: key, priority: priority, headers: headers), missed: missed)
        try await self.declare()
        return try await engine.put(schedule, at: now)
    }

    /// Ends a schedule. Messages that it has published stay.
    ///
    /// - Returns: Whether there was one of this name, whatever its queue.
    @discardableResult
    public func removeSchedule(named name: ScheduleName) async throws(QueueError) -> Bool {
        try await self.scheduling().removeSchedule(name)
    }

    /// Takes a message back that no consumer has: one that is delayed, above all.
    ///
    /// - Returns: `false` if there is no such message in the queue any more, or a consumer has it.
    /// - Throws: ``QueueError``. After `unavailable` or `cancelled` it is unknown whether it was taken back.
    /// - Complexity: One round trip.
    @discardableResult
    public func cancel(_ id: MessageID) async throws(QueueError) -> Bool {
        try await self.declare()
        return try await self.engine.cancel([id], in: self.name)[0]
    }

    private func scheduling() throws(QueueError) -> any ScheduleEngine {
        guard let engine = self.engine as? any ScheduleEngine else {
            throw QueueError(
                .invalidConfiguration, "the engine of the queue \"\(self.name)\" cannot keep schedules; use another")
        }
        return engine
    }
}
