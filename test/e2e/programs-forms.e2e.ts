import { runPrograms } from "../programs/run";

runPrograms("forms");
