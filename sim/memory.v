// Storage of the simulated memory: combinational read, synchronous byte-wise write.
// +memory=FILE fills it before the first cycle ($readmemh, an image as sim/memory.py writes it).
module lifarray_sim_memory #(
    parameter WIDTH = 64,
    parameter DEPTH = 1024
) (
    input                    clk,
    input  [31:0]            read_address,
    output [WIDTH-1:0]       read_data,
    input  [31:0]            write_address,
    input  [WIDTH-1:0]       write_data,
    input  [WIDTH/8-1:0]     write_enable
);
  reg [WIDTH-1:0] storage[0:DEPTH-1]  /* verilator public_flat_rw */;
  reg [8*1024-1:0] image;
  integer i;

  initial begin
    for (i = 0; i < DEPTH; i = i + 1) storage[i] = 0;
    if ($value$plusargs("memory=%s", image)) $readmemh(image, storage);
  end

  localparam BITS = $clog2(DEPTH);
  assign read_data = storage[read_address[BITS-1:0]];

  always @(posedge clk)
    for (i = 0; i < WIDTH / 8; i = i + 1)
      if (write_enable[i]) storage[write_address[BITS-1:0]][8*i+:8] <= write_data[8*i+:8];
endmodule
