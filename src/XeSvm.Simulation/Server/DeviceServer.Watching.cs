using System.Runtime.InteropServices;

using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Server;

/// <content>The server's own thread: what happens on the connections, and what it leads to.</content>
public sealed unsafe partial class DeviceServer
{
    /// <summary>The server's own thread: connections come and go, processes end.</summary>
    private void Watch()
    {
        List<PollEntry> entries = [];
        List<object> subjects = [];
        while (!_stopping)
        {
            Prepare(entries, subjects);
            Span<PollEntry> span = CollectionsMarshal.AsSpan(entries);
            if (SystemCalls.WaitForAny(span) < 0)
            {
                continue; // a signal
            }

            for (int i = 0; i < span.Length && !_stopping; i++)
            {
                if (span[i].Happened != 0)
                {
                    Handle(subjects[i], span[i].Happened);
                }
            }
        }
    }

    private void Prepare(List<PollEntry> entries, List<object> subjects)
    {
        List<FileDescriptorHandle> lanes = [];
        entries.Clear();
        subjects.Clear();
        Add(_wake, PollEntry.Readable, _wake);
        Add(_listener, PollEntry.Readable, _listener);
        _pending.ForEach(connection => Add(connection, PollEntry.Readable, connection));
        foreach (ServerFile file in _files.Values)
        {
            Add(file.Connection, PollEntry.Readable, file);
        }

        lock (_lock)
        {
            foreach (ServerChannel channel in _channels)
            {
                if (!channel.IsGone)
                {
                    Add(channel.Connection, 0, channel);
                }
            }

            foreach (ClientProcess process in _processes.Values)
            {
                Add(process.Process, PollEntry.Readable, process);
                process.Memory.Pump?.AddConnections(lanes);
                lanes.ForEach(lane => Add(lane, 0, process));
                lanes.Clear();
            }
        }

        void Add(FileDescriptorHandle handle, short wanted, object subject)
        {
            entries.Add(new PollEntry { Descriptor = (int)handle.DangerousGetHandle(), Wanted = wanted });
            subjects.Add(subject);
        }
    }

    private void Handle(object subject, short happened)
    {
        switch (subject)
        {
            case ServerFile file when (happened & PollEntry.Gone) == 0 && Discard(file.Connection):
                break;
            case ServerFile file:
                Close(file);
                break;
            case ServerChannel channel:
                channel.Abandon();
                WakeBlockedCalls();
                break;
            case ClientProcess process:
                Ended(process);
                break;
            case FileDescriptorHandle handle when handle == _listener:
                Accept();
                break;
            case FileDescriptorHandle handle when handle == _wake:
                Span<byte> count = stackalloc byte[sizeof(ulong)];
                _ = SystemCalls.Read(_wake, count);
                break;
            case FileDescriptorHandle connection:
                Welcome(connection);
                break;
        }
    }

    /// <summary>
    /// Takes a message that nobody asked for: one may carry the client's own end, which would then stay open for as long as it waits here, and
    /// with it the file (unix(7), SCM_RIGHTS). What is not received is closed by the kernel.
    /// </summary>
    /// <returns>False at the end of the connection.</returns>
    private static bool Discard(FileDescriptorHandle connection)
    {
        byte first;
        int result = SystemCalls.Receive(connection, &first, sizeof(byte), wait: false);
        return result > 0 || result == -Errno.EAGAIN;
    }
}
