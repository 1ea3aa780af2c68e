namespace XeSvm.Simulation.Server;

/// <content>Who goes: files that nobody has open any more, channels, processes, and what they leave behind.</content>
public sealed partial class DeviceServer
{
    /// <summary>A channel's thread ends.</summary>
    internal void Ended(ServerChannel channel)
    {
        ClientProcess? last = null;
        lock (_lock)
        {
            if (_channels.Remove(channel) && --channel.Process.Channels == 0)
            {
                last = channel.Process;
            }

            if (last is not null)
            {
                Depart(last);
            }
        }

        channel.Dispose();
        WakeUp();
        _atWork.Signal();
    }

    /// <summary>Nobody has the file open any more. Closing waits for calls and jobs, so others must not wait for it.</summary>
    private void Close(ServerFile file)
    {
        if (_files.TryRemove(file.Id, out _))
        {
            _atWork.AddCount();
            ThreadPool.UnsafeQueueUserWorkItem(CloseNow, file, preferLocal: false);
        }
    }

    private void CloseNow(ServerFile file)
    {
        file.Dispose();
        lock (_lock)
        {
            _departed.RemoveAll(IsForgotten);
        }

        _atWork.Signal();
    }

    /// <summary>Drops what work that was under way has left of memory that is gone; false while a file knows of it still. Under the lock.</summary>
    private bool IsForgotten(IRemoteClientMemory memory)
    {
        memory.DropDevicePages();
        return memory.Memory.Notifiers.IsEmpty && _devices.Sum(device => device.Frames.Forget(memory.Memory)) == 0;
    }

    /// <summary>A process has ended, or is cut off: its memory is out of reach before it can learn of that.</summary>
    private void Ended(ClientProcess process)
    {
        lock (_lock)
        {
            process.Memory.SetGone();
            _channels.ForEach(channel =>
            {
                if (channel.Process == process)
                {
                    channel.Abandon();
                }
            });
            Depart(process);
        }

        WakeBlockedCalls();
    }

    /// <summary>An address space is no more. Under the lock.</summary>
    private void Depart(ClientProcess process)
    {
        // Its place may be another's by now: one that has left by its last channel, and has come again by a new one.
        (int Id, ulong AddressSpace) key = (process.Id, process.AddressSpace);
        if (_processes.TryGetValue(key, out ClientProcess? there) && there == process)
        {
            _processes.Remove(key);
            process.Dispose();
            if (!IsForgotten(process.Memory))
            {
                _departed.Add(process.Memory);
            }
        }
    }

    private void WakeBlockedCalls()
    {
        foreach (ServerFile file in _files.Values)
        {
            file.File.WakeBlockedCalls();
        }
    }
}
