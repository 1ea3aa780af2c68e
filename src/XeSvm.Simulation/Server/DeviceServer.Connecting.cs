using System.Security.Cryptography;

using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Server;

/// <content>Who comes: connections, the hello of each, and the file or channel that it becomes.</content>
public sealed unsafe partial class DeviceServer
{
    private void Accept()
    {
        if (SystemCalls.Accept(_listener, out FileDescriptorHandle? connection) < 0)
        {
            return; // gone again, or no descriptor is free: the next event comes to it
        }

        if (SystemCalls.FindPeer(connection!, out _, out uint user) < 0
            || SystemCalls.FindPeerGroups(connection!, out uint[] groups) < 0
            || !_access.Admits(user, groups, SystemCalls.EffectiveUser, SystemCalls.EffectiveGroup))
        {
            connection!.Dispose();
            return;
        }

        if (_pending.Count == MostPending)
        {
            _pending[0].Dispose();
            _pending.RemoveAt(0);
        }

        _pending.Add(connection!);
    }

    private void Welcome(FileDescriptorHandle connection)
    {
        HelloMessage hello;
        if (!_pending.Remove(connection))
        {
            return; // dropped by an event before this one
        }

        bool isWhole = SystemCalls.Receive(connection, &hello, sizeof(HelloMessage), out FileDescriptorHandle[] memory) == sizeof(HelloMessage);
        using var given = new GivenMemory(memory);
        if (!isWhole
            || hello.Magic != ServerProtocol.HelloMagic || hello.Version != ServerProtocol.Version || hello.AddressSpace == 0
            || SystemCalls.FindPeer(connection, out int process, out uint user) < 0)
        {
            connection.Dispose();
            return;
        }

        int result = hello.Kind switch
        {
            ConnectionKind.File => OpenFile(connection, process, hello.Minor),
            ConnectionKind.Channel => OpenChannel(connection, process, user == SystemCalls.EffectiveUser ? null : given, hello.AddressSpace),
            ConnectionKind.Pump => OpenLane(connection, process, hello),
            _ => -Errno.EINVAL,
        };
        if (result < 0)
        {
            SendCard(connection, new CardMessage { Result = result });
            connection.Dispose();
        }
    }

    private static int SendCard(FileDescriptorHandle connection, CardMessage card)
    {
        card.Magic = ServerProtocol.CardMagic;
        card.Version = ServerProtocol.Version;
        return SystemCalls.Send(connection, &card, sizeof(CardMessage), descriptor: null);
    }

    private int OpenFile(FileDescriptorHandle connection, int process, uint minor)
    {
        uint index = minor % ServerProtocol.FirstRenderMinor;
        if (minor >= 2 * ServerProtocol.FirstRenderMinor || index >= _nodes.Count)
        {
            return -Errno.ENODEV;
        }

        int result = _backend.Open(_nodes[(int)index], out DrmFile? opened);
        if (result < 0)
        {
            return result;
        }

        ulong secret = 0;
        RandomNumberGenerator.Fill(new Span<byte>(&secret, sizeof(ulong)));
        var file = new ServerFile(++_lastFile, secret, (SoftwareFile)opened!, connection);
        if (minor < ServerProtocol.FirstRenderMinor)
        {
            file.File.BecomePrimary(CallerIdentity.HasCapability(process), process);
        }

        lock (_lock)
        {
            _devices.Add(file.File.Device);
        }

        _files[file.Id] = file;
        if (SendCard(connection, new CardMessage { Minor = minor, File = file.Id, Secret = secret }) < 0)
        {
            Close(file);
        }

        return 0;
    }

    private int OpenChannel(FileDescriptorHandle connection, int id, GivenMemory? given, ulong addressSpace)
    {
        ServerChannel channel;
        lock (_lock)
        {
            if (_processes.Values.Sum(known => known.Id == id ? known.Channels : 0) >= MostChannels)
            {
                return -Errno.EMFILE;
            }

            if (!_processes.TryGetValue((id, addressSpace), out ClientProcess? process))
            {
                int result = ClientProcess.Open(id, addressSpace, given, _cpuFaults != ServerCpuFaults.Coherent, Patience, out process);
                if (result < 0)
                {
                    return result;
                }

                _processes.Add((id, addressSpace), process!);
            }

            process!.Channels++;
            channel = new ServerChannel(this, process, connection);
            _channels.Add(channel);
        }

        _atWork.AddCount();
        if (!channel.TryStart(Faults))
        {
            SendCard(connection, new CardMessage { Result = -Errno.ENOMEM });
            Ended(channel);
            return 0;
        }

        SendCard(connection, new CardMessage { Minor = (uint)_nodes.Count }); // when it cannot be sent, the channel finds its end at once
        return 0;
    }

    /// <summary>A client connects its CPU-fault pump, or tells that it cannot have one.</summary>
    private int OpenLane(FileDescriptorHandle connection, int id, in HelloMessage hello)
    {
        lock (_lock)
        {
            if (!_processes.TryGetValue((id, hello.AddressSpace), out ClientProcess? process)
                || process.Memory is not RemoteFaultingMemory memory)
            {
                return -Errno.EINVAL;
            }

            int error = (int)(hello.Minor >> 16);
            if (error != 0)
            {
                memory.RefusePump(-error);
                return -error;
            }

            int result = memory.Pump.Connect(connection, hello.Minor & 0xff, (hello.Minor >> 8) & 0xff);
            if (result == 0 && SendCard(connection, default) < 0)
            {
                memory.Pump.Break(); // whose connection it is by now
            }

            return result;
        }
    }
}
