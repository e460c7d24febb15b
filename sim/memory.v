// Storage of the simulated memory: combinational reads, a synchronous byte-wise write.
// +memory=FILE fills it before the first cycle: its words from address 0, each with its highest
// byte first, as $fread takes them; the rest is zero.
module lifarray_sim_memory #(
    parameter WIDTH = 64,
    parameter DEPTH = 1024,
    parameter PORTS = 1
) (
    input                    clk,
    input  [32*PORTS-1:0]    read_address,
    output [WIDTH*PORTS-1:0] read_data,
    input  [31:0]            write_address,
    input  [WIDTH-1:0]       write_data,
    input  [WIDTH/8-1:0]     write_enable
);
  reg [WIDTH-1:0] storage[0:DEPTH-1]  /* verilator public_flat_rw */;
  reg [8*1024-1:0] image;
  integer i, file, got;

  initial begin
    for (i = 0; i < DEPTH; i = i + 1) storage[i] = 0;
    if ($value$plusargs("memory=%s", image)) begin
      file = $fopen(image, "rb");
      got  = $fread(storage, file);
      $fclose(file);
    end
  end

  localparam BITS = $clog2(DEPTH);
  genvar port;
  generate
    for (port = 0; port < PORTS; port = port + 1)
      assign read_data[WIDTH*port+:WIDTH] = storage[read_address[32*port+:BITS]];
  endgenerate

  always @(posedge clk)
    for (i = 0; i < WIDTH / 8; i = i + 1)
      if (write_enable[i]) storage[write_address[BITS-1:0]][8*i+:8] <= write_data[8*i+:8];
endmodule
