// HostedApp: a .NET service that uses a GPU, in ten lines.
//
// AddXeSvm gives the service a device (an Intel GPU where there is one, else the software backend), metrics and a health check, and the
// host says at its start which backend it is and why.
//
// Run it with: dotnet run --project samples/HostedApp
using HostedApp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using XeSvm.Hosting;

HostApplicationBuilder builder = Host.CreateApplicationBuilder(args);
builder.Services.AddXeSvm();
builder.Services.AddHostedService<Adder>();
await builder.Build().RunAsync();
