import { runPrograms } from "../programs/run";

runPrograms("components");
