namespace XeSvm.Simulation.Gpu;

/// <summary>Hears of an exec queue's progress, on the queue's thread. Must not throw, nor wait for the queue.</summary>
internal interface IExecQueueOwner
{
    /// <summary>A job is done, in the order of submission: result 0, or the negative errno with which it failed or was dropped.</summary>
    void OnJobDone(ExecQueue queue, long sequence, int result);

    /// <summary>A batch failed and the queue is banned. Comes before the job's <see cref="OnJobDone"/>.</summary>
    void OnBanned(ExecQueue queue, in BatchError error);
}
