namespace XeSvm.Simulation.Gpu;

/// <summary>
/// Whoever wants the fence of a job before the job can run: who sees what the job does finds the fence where it was to go (xe_exec_ioctl
/// signals its sync entries before it pushes the job).
/// </summary>
internal interface IJobFenceTaker
{
    /// <summary>Takes the fence. Under the queue's lock: submits nothing and waits for nothing.</summary>
    void Take(in DmaFence fence);
}
