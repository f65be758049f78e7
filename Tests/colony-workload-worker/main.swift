// The program that the tests of workloads across processes start: it serves as a worker and does nothing else.

import ColonyWorkloads

guard try await LockWorkloads.runAsWorkerIfAsked() else {
    throw WorkloadError("this program only serves as a worker of the workload tests")
}
